import NIOCore
import NIOHTTP1

/// The HTTP side of one connection: Engine.IO's handshakes and polling, upgrades to WebSocket, and every request that is
/// none of them.
final class EngineHTTPHandler: ChannelDuplexHandler, RemovableChannelHandler, Timed {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case reading(HTTPRequestHead, ByteBuffer)
        /// The answer has been given; what is left of the request is dropped.
        case answered
    }

    private let server: EngineIOServer
    private let loop: EngineLoop
    private let handlers: HTTPHandlers
    private let channel: any Channel
    private var state = State.idle
    /// The session whose GET waits on this connection.
    private var waiting: SessionReference?
    private var idleSince = NIODeadline.now()

    private init(server: EngineIOServer, loop: EngineLoop, handlers: HTTPHandlers, channel: any Channel) {
        self.server = server
        self.loop = loop
        self.handlers = handlers
        self.channel = channel
    }

    /// Prepares a new connection, on its event loop.
    static func add(to channel: any Channel, server: EngineIOServer, loop: EngineLoop) throws {
        let handlers = HTTPHandlers()
        try handlers.add(to: channel)
        let handler = EngineHTTPHandler(server: server, loop: loop, handlers: handlers, channel: channel)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        idleSince = .now()
        switch unwrapInboundIn(data) {
        case .head(let head): began(head)
        case .body(let part): read(part)
        case .end:
            guard case .reading(let head, let body) = state else {
                state = .idle
                // Only a body that was refused is answered before its end.
                return channel.close(promise: nil)
            }
            state = .idle
            handle(head, body)
        }
    }

    private func began(_ head: HTTPRequestHead) {
        waiting = nil
        state = .reading(head, ByteBuffer())
        if let length = head.headers.first(name: "content-length").flatMap(Int.init),
            length > server.configuration.maxPayload
        {
            refuseBody(head)
        }
    }

    private func read(_ part: ByteBuffer) {
        guard case .reading(let head, var body) = state else { return }
        guard body.readableBytes + part.readableBytes <= server.configuration.maxPayload else {
            return refuseBody(head)
        }
        state = .answered  // Lets go of the buffer, so that it grows in place.
        body.writeImmutableBuffer(part)
        state = .reading(head, body)
    }

    private func refuseBody(_ head: HTTPRequestHead) {
        state = .answered
        // The rest of the body is read and dropped: closing before it has come would reset the connection, and with it the
        // answer might be lost.
        exchange(head).respond(
            .payloadTooLarge, ByteBuffer(string: "Payload Too Large"), close: true, linger: .seconds(2))
    }

    private func exchange(_ head: HTTPRequestHead) -> HTTPExchange {
        HTTPExchange(
            // NIO's decoder reads nothing behind a request for another protocol.
            channel: channel, keepAlive: head.isKeepAlive && !head.headers.contains(name: "upgrade"),
            isHead: head.method == .HEAD, headers: server.originPolicy.headers(for: head))
    }

    private func handle(_ head: HTTPRequestHead, _ body: ByteBuffer) {
        let exchange = exchange(head)
        let url = EngineURL(head.uri)
        guard url.path == server.configuration.path else {
            if url.path == "/healthz", let isReady = server.configuration.isReady {
                return exchange.tellHealth(isReady() && !server.isDraining, head.method)
            }
            return exchange.respond(.notFound, ByteBuffer(string: "Not Found"))
        }
        if head.method == .OPTIONS, !server.configuration.allowedOrigins.isEmpty {
            return exchange.respond(.noContent, ByteBuffer())
        }
        let isUpgrade = head.isWebSocketUpgrade
        do throws(EngineError) {
            guard server.originPolicy.isReadable(head) else { throw .badRequest }
            let request = try EngineRequest(method: head.method, url: url, isUpgrade: isUpgrade) {
                server.session($0) != nil
            }
            switch request {
            case .pollingHandshake: handshake(head, exchange)
            case .poll(let sid): try poll(sid, exchange)
            case .post(let sid): try post(sid, head, body, exchange)
            case .webSocketHandshake: try webSocketHandshake(head, exchange)
            case .webSocketUpgrade(let sid): try webSocketUpgrade(sid, head, exchange)
            }
        } catch {
            exchange.fail(error, isUpgrade: isUpgrade)
        }
    }

    // MARK: - Polling

    private func handshake(_ head: HTTPRequestHead, _ exchange: HTTPExchange) {
        guard allowsSession(head) else { return exchange.refuseForNow() }
        guard let session = makeSession(head, link: nil) else { return exchange.refuse() }
        var exchange = exchange
        if let cookie = server.configuration.cookie {
            exchange.headers.add(
                name: "set-cookie", value: "\(cookie)=\(session.sid); Path=/; HttpOnly; SameSite=Lax")
        }
        exchange.respond(.ok, EnginePayload.encode([session.openPacket]))
        server.start(session)
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

    // MARK: - WebSocket

    private func webSocketHandshake(
        _ head: HTTPRequestHead, _ exchange: HTTPExchange
    ) throws(EngineError) {
        let headers = try webSocketHeaders(head)
        guard allowsSession(head) else { return exchange.refuseForNow() }
        guard let session = makeSession(head, link: WebSocketLink(channel: channel)) else {
            return exchange.refuse()
        }
        upgrade(headers, to: SessionReference(session))
        server.start(session)
    }

    private func webSocketUpgrade(
        _ sid: String, _ head: HTTPRequestHead, _ exchange: HTTPExchange
    ) throws(EngineError) {
        let headers = try webSocketHeaders(head)
        guard let session = server.session(sid) else { throw .sessionUnknown }
        let handler = NIOLoopBound(self, eventLoop: channel.eventLoop)
        session.eventLoop.submit { session.value.candidateArrived() }.hop(to: channel.eventLoop).whenComplete
        { isWelcome in
            guard case .success(true) = isWelcome else { return exchange.fail(.badRequest, isUpgrade: true) }
            handler.value.upgrade(headers, to: session)
            let link = WebSocketLink(channel: handler.value.channel)
            session.run { $0.candidateOpened(link) }
        }
    }

    private func webSocketHeaders(_ head: HTTPRequestHead) throws(EngineError) -> HTTPHeaders {
        guard server.originPolicy.allowsWebSocket(head) else { throw .forbidden }
        guard let headers = server.webSocketUpgrade.accept(head, on: channel) else { throw .badRequest }
        return headers
    }

    private func upgrade(_ headers: HTTPHeaders, to session: SessionReference) {
        let link = WebSocketLink(channel: channel)
        let handler = WebSocketHandler(maxMessage: server.configuration.maxPayload) { event in
            session.run { $0.received(event, from: link) }
        }
        do {
            try handlers.upgrade(channel, headers, last: self, to: handler)
            loop.flushSoon(channel)
        } catch {
            channel.close(promise: nil)  // It is closed already.
        }
    }

    private func allowsSession(_ head: HTTPRequestHead) -> Bool {
        guard let allow = server.configuration.allowSession else { return true }
        return allow(
            SessionRequest(
                remoteAddress: channel.remoteAddress?.ipAddress,
                forwardedFor: head.headers[canonicalForm: "x-forwarded-for"].map(String.init)))
    }

    private func makeSession(_ head: HTTPRequestHead, link: WebSocketLink?) -> EngineSession? {
        server.makeSession(Handshake(head), link: link, on: loop)
    }

    // MARK: - The connection

    func channelActive(context: ChannelHandlerContext) {
        loop.schedule(self, at: idleSince + server.configuration.idleTimeout)
        context.fireChannelActive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        idleSince = .now()
        context.write(data, promise: promise)
    }

    func wakeUp(_ now: NIODeadline) -> NIODeadline? {
        let deadline = idleSince + server.configuration.idleTimeout
        guard deadline <= now else { return deadline }
        channel.close(promise: nil)
        return nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        waiting?.run { $0.pollAborted(on: channel) }
        waiting = nil
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { loop.cancel(self) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is not HTTP has been answered by NIO's error handler.
        context.close(promise: nil)
    }
}
