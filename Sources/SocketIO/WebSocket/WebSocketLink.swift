import NIOCore

/// The sending end of a WebSocket, usable from any thread.
struct WebSocketLink: Sendable, Equatable {
    let channel: any Channel

    static func == (left: WebSocketLink, right: WebSocketLink) -> Bool { left.channel === right.channel }

    /// False when more waits than the client may leave untaken: the channel's high-water mark is that limit.
    var isWritable: Bool { channel.isWritable || !channel.isActive }

    /// Bytes that the client has not taken. On the channel's event loop.
    var bufferedBytes: Int { (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    func send(_ packets: [EnginePacket]) {
        channel.writeAndFlush(ByteBuffer(webSocketFramesOf: packets), promise: nil)
    }

    /// Frames that leave by the next ``flush()``.
    ///
    /// - Parameter promise: succeeds when the connection has taken them.
    func write(_ frames: ByteBuffer, _ promise: EventLoopPromise<Void>? = nil) {
        channel.write(frames, promise: promise)
    }

    func flush() { channel.flush() }

    /// Sends a close frame and closes; a client that takes nothing is not waited for.
    func close(_ code: WebSocketCloseCode = .normal) {
        channel.triggerUserOutboundEvent(WebSocketHandler.CloseRequest(code: code), promise: nil)
    }
}
