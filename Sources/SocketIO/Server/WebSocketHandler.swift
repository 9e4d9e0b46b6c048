import NIOCore
import NIOWebSocket

/// What a WebSocket brings to its session.
enum WebSocketEvent: Sendable {
    /// Nil: a message that is no packet.
    case packet(EnginePacket?)
    case gone(EngineCloseReason)
}

/// Puts messages together out of frames (RFC 6455) and passes them on as packets.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let maxPayload: Int
    private let deliver: (WebSocketEvent) -> Void
    private var fragments: (isText: Bool, data: ByteBuffer)?
    private var isDone = false

    /// - Parameter deliver: is called on the channel's event loop.
    init(maxPayload: Int, deliver: @escaping (WebSocketEvent) -> Void) {
        self.maxPayload = maxPayload
        self.deliver = deliver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        let frame = unwrapInboundIn(data)
        // A client masks every frame (§5.1), and no extension was agreed on that could use the reserved bits (§5.2).
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return end(context, .protocolError)
        }
        switch frame.opcode {
        case .text, .binary: begin(context, frame)
        case .continuation: goOn(context, frame)
        case .ping:
            // Who asks for pongs and takes none would make them pile up.
            guard context.channel.isWritable else {
                isDone = true
                context.close(promise: nil)
                return deliver(.gone(.slowConsumer))
            }
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(NIOAny(pong), promise: nil)
        case .pong: break
        case .connectionClose: closed(context, frame)
        default: end(context, .protocolError)
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
        guard fragments == nil else { return end(context, .protocolError) }
        let data = frame.unmaskedData
        guard data.readableBytes <= maxPayload else { return end(context, .messageTooLarge) }
        if frame.fin {
            complete(context, isText: frame.opcode == .text, data)
        } else {
            fragments = (frame.opcode == .text, data)
        }
    }

    private func goOn(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
        guard var message = fragments else { return end(context, .protocolError) }
        fragments = nil
        let data = frame.unmaskedData
        guard message.data.readableBytes + data.readableBytes <= maxPayload else {
            return end(context, .messageTooLarge)
        }
        message.data.writeImmutableBuffer(data)
        if frame.fin {
            complete(context, isText: message.isText, message.data)
        } else {
            fragments = message
        }
    }

    private func complete(_ context: ChannelHandlerContext, isText: Bool, _ data: ByteBuffer) {
        guard isText else { return deliver(.packet(.binary(data))) }
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            return end(context, .dataInconsistentWithMessage)
        }
        deliver(.packet(try? EnginePacket(text: data)))
    }

    /// Echoes the close frame, as §5.5.1 asks for.
    private func closed(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
        isDone = true
        let echo = WebSocketFrame(fin: true, opcode: .connectionClose, data: frame.unmaskedData)
        let channel = context.channel
        context.writeAndFlush(NIOAny(echo)).whenComplete { _ in channel.close(promise: nil) }
        deliver(.gone(.transportClose))
    }

    private func end(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
        isDone = true
        WebSocketLink(channel: context.channel).close(code)
        deliver(.gone(.transportError))
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isDone { deliver(.gone(.transportClose)) }
        isDone = true
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO's protocol error handler has sent the close frame by now.
        context.close(promise: nil)
    }
}
