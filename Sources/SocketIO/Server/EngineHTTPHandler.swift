import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The HTTP side of one connection: Engine.IO's handshakes and polling, and every request that is none of them.
///
/// NIO's pipelining handler brings one request at a time.
final class EngineHTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart

    private enum State {
        case idle
        case reading(HTTPRequestHead, ByteBuffer)
        /// The answer has been given; what is left of the request is dropped.
        case answered
    }

    private let server: SocketIOServer
    private var state = State.idle
    /// The session whose GET waits on this connection.
    private var waiting: SessionReference?

    init(server: SocketIOServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): began(context, head)
        case .body(let part): read(context, part)
        case .end:
            guard case .reading(let head, let body) = state else {
                state = .idle
                return
            }
            state = .idle
            handle(context, head, body)
        }
    }

    private func began(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        waiting = nil
        state = .reading(head, ByteBuffer())
        if let length = head.headers.first(name: "content-length").flatMap(Int.init),
            length > server.configuration.maxPayload
        {
            refuseBody(context, head)
        }
    }

    private func read(_ context: ChannelHandlerContext, _ part: ByteBuffer) {
        guard case .reading(let head, var body) = state else { return }
        guard body.readableBytes + part.readableBytes <= server.configuration.maxPayload else {
            return refuseBody(context, head)
        }
        state = .answered  // Lets go of the buffer, so that it grows in place.
        body.writeImmutableBuffer(part)
        state = .reading(head, body)
    }

    private func refuseBody(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        state = .answered
        exchange(context, head).respond(
            .payloadTooLarge, ByteBuffer(string: "Payload Too Large"), close: true)
    }

    private func exchange(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) -> HTTPExchange {
        HTTPExchange(
            channel: context.channel, keepAlive: head.isKeepAlive,
            headers: server.originPolicy.headers(for: head))
    }

    private func handle(_ context: ChannelHandlerContext, _ head: HTTPRequestHead, _ body: ByteBuffer) {
        let exchange = exchange(context, head)
        let url = EngineURL(head.uri)
        guard url.path == server.configuration.path else {
            return exchange.respond(.notFound, ByteBuffer(string: "Not Found"))
        }
        if head.method == .OPTIONS, !server.configuration.allowedOrigins.isEmpty {
            return exchange.respond(.noContent, ByteBuffer())
        }
        let isUpgrade = head.isWebSocketUpgrade
        do throws(EngineError) {
            let request = try EngineRequest(method: head.method, url: url, isUpgrade: isUpgrade) {
                server.session($0) != nil
            }
            switch request {
            case .pollingHandshake:
                server.handshake(Self.handshake(context.channel, head, url), exchange, on: context.eventLoop)
            case .poll(let sid): try poll(sid, exchange)
            case .post(let sid): try post(sid, head, body, exchange)
            case .webSocketHandshake, .webSocketUpgrade: throw upgradeRefusal(head)
            }
        } catch {
            exchange.fail(error, isUpgrade: isUpgrade)
        }
    }

    /// Why an upgrade that is otherwise well formed has come here instead of becoming a WebSocket.
    private func upgradeRefusal(_ head: HTTPRequestHead) -> EngineError {
        server.originPolicy.allowsWebSocket(head) ? .badRequest : .forbidden
    }

    private func poll(_ sid: String, _ exchange: HTTPExchange) throws(EngineError) {
        guard let session = server.session(sid) else { throw .sessionUnknown }
        waiting = session
        session.run { $0.polled(exchange) }
    }

    private func post(
        _ sid: String, _ head: HTTPRequestHead, _ body: ByteBuffer, _ exchange: HTTPExchange
    ) throws(EngineError) {
        guard let session = server.session(sid) else { throw .sessionUnknown }
        // Binary comes as base64 within the text; the bare form was the protocol's before version 4.
        guard head.headers.first(name: "content-type")?.hasPrefix("application/octet-stream") != true else {
            session.run { $0.postRefused() }
            throw .badRequest
        }
        session.run { $0.posted(body, exchange) }
    }

    static func handshake(
        _ channel: any Channel, _ head: HTTPRequestHead, _ url: EngineURL
    ) -> EngineSession.Handshake {
        EngineSession.Handshake(
            query: url.query, headers: head.headers.map { ($0.name, $0.value) },
            remoteAddress: channel.remoteAddress?.ipAddress)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        waiting?.run { $0.pollAborted(on: channel) }
        waiting = nil
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO reports an upgrade that was refused, and then passes the request on, which gets its answer here.
        guard !(error is NIOWebSocketUpgradeError) else { return }
        // What is not HTTP has been answered by NIO's error handler.
        context.close(promise: nil)
    }
}

extension HTTPRequestHead {
    var isWebSocketUpgrade: Bool {
        headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    }
}
