import NIOCore

/// What happens on a WebSocket.
enum WebSocketEvent: Sendable {
    case message(WebSocketMessage)
    /// Nothing comes after this.
    case gone(EngineCloseReason)
}

/// One WebSocket's channel: passes messages on, answers pings, and closes as RFC 6455 asks for. What is sent are bytes of
/// frames already.
///
/// NIO's decoder is not used: it judges a frame when all of it is there, and then only some of its faults.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Triggered by whoever wants to close: sends a close frame and ends the connection.
    struct CloseRequest: Sendable {
        let code: WebSocketCloseCode
    }

    private enum Phase { case open, closing }

    /// How long the client may take to close its side after the close frame. Closing at once could reset the connection
    /// before the client has read that frame.
    private static let closeTimeout = TimeAmount.seconds(1)

    private var machine: WebSocketMachine
    private let deliver: (WebSocketEvent) -> Void
    private var phase = Phase.open
    private var timeout: Scheduled<Void>?

    /// - Parameters:
    ///   - maxMessage: bytes; a longer message closes with 1009.
    ///   - deliver: is called on the channel's event loop.
    init(maxMessage: Int, deliver: @escaping (WebSocketEvent) -> Void) {
        machine = WebSocketMachine(maxMessage: maxMessage)
        self.deliver = deliver
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // A client that has said all may still read.
        try? context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while phase == .open, let event = machine.next(&bytes) {
            switch event {
            case .message(let message): deliver(.message(message))
            case .ping(let data): answer(context, data)
            case .closed(let code):
                close(context, code)
                deliver(.gone(.transportClose))
            case .failed(let code):
                close(context, code)
                deliver(.gone(.transportError))
            }
        }
    }

    private func answer(_ context: ChannelHandlerContext, _ data: ByteBuffer) {
        // Who asks for pongs and takes none would make them pile up.
        guard context.channel.isWritable else {
            phase = .closing
            context.close(promise: nil)
            return deliver(.gone(.slowConsumer))
        }
        context.writeAndFlush(wrapOutboundOut(.webSocketFrame(.pong, data)), promise: nil)
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
    ) {
        guard let request = event as? CloseRequest else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        close(context, request.code)
        promise?.succeed(())
    }

    /// Sends the close frame, after which nothing is sent nor heard.
    private func close(_ context: ChannelHandlerContext, _ code: WebSocketCloseCode?) {
        guard phase == .open else { return }
        phase = .closing
        // A client that takes nothing is not waited for.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        var data = ByteBuffer()
        if let code { data.writeInteger(code.rawValue) }
        context.writeAndFlush(wrapOutboundOut(.webSocketFrame(.close, data)), promise: nil)
        context.close(mode: .output, promise: nil)
        closeSoon(context)
    }

    private func closeSoon(_ context: ChannelHandlerContext) {
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }

    // MARK: - The connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard phase == .open else { return context.close(promise: nil) }
        phase = .closing
        deliver(.gone(.transportClose))
        // What was sent before goes out first.
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.webSocketFrame(.close, ByteBuffer()))).whenComplete { _ in
            channel.close(promise: nil)
        }
        closeSoon(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        if phase == .open {
            phase = .closing
            deliver(.gone(.transportClose))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
