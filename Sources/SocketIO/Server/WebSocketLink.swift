import NIOCore
import NIOWebSocket

/// The sending end of a WebSocket, usable from any thread.
struct WebSocketLink: Sendable, Equatable {
    let channel: any Channel

    static func == (left: WebSocketLink, right: WebSocketLink) -> Bool { left.channel === right.channel }

    /// False when more waits than the client may leave untaken: the channel's high-water mark is that limit.
    var isWritable: Bool { channel.isWritable || !channel.isActive }

    /// One frame a packet: text with its digit, binary as it is.
    func send(_ packets: [EnginePacket]) {
        for packet in packets {
            if case .binary(let data) = packet {
                channel.write(WebSocketFrame(fin: true, opcode: .binary, data: data), promise: nil)
            } else {
                var text = channel.allocator.buffer(capacity: packet.byteCount)
                packet.write(into: &text)
                channel.write(WebSocketFrame(fin: true, opcode: .text, data: text), promise: nil)
            }
        }
        channel.flush()
    }

    /// Sends a close frame and closes; a client that takes nothing is not waited for.
    func close(_ code: WebSocketErrorCode = .normalClosure) {
        guard channel.isWritable else { return channel.close(promise: nil) }
        let timeout = channel.eventLoop.scheduleTask(in: .seconds(1)) { [channel] in
            channel.close(promise: nil)
        }
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data))
            .whenComplete { [channel] _ in
                timeout.cancel()
                channel.close(promise: nil)
            }
    }
}
