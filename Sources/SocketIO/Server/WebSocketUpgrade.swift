import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns HTTP connections into the WebSockets of sessions. What it refuses goes on as HTTP and gets its error there,
/// before any 101.
struct WebSocketUpgrade: Sendable {
    let server: SocketIOServer

    var upgrader: NIOWebSocketServerUpgrader {
        NIOWebSocketServerUpgrader(
            maxFrameSize: server.configuration.maxPayload,
            shouldUpgrade: { channel, head in shouldUpgrade(channel, head) },
            upgradePipelineHandler: { channel, head in upgrade(channel, head) })
    }

    private func request(_ head: HTTPRequestHead) -> (EngineURL, EngineRequest)? {
        let url = EngineURL(head.uri)
        guard url.path == server.configuration.path,
            let request = try? EngineRequest(
                method: head.method, url: url, isUpgrade: true, isKnown: { server.session($0) != nil })
        else { return nil }
        return (url, request)
    }

    private func shouldUpgrade(
        _ channel: any Channel, _ head: HTTPRequestHead
    ) -> EventLoopFuture<HTTPHeaders?> {
        let refusal = channel.eventLoop.makeSucceededFuture(HTTPHeaders?.none)
        guard server.originPolicy.allowsWebSocket(head), let (_, request) = request(head) else {
            return refusal
        }
        switch request {
        case .webSocketHandshake:
            return channel.eventLoop.makeSucceededFuture(server.hasRoom ? HTTPHeaders() : nil)
        case .webSocketUpgrade(let sid):
            guard let session = server.session(sid) else { return refusal }
            return session.eventLoop.submit { session.value.candidateArrived() ? HTTPHeaders() : nil }
                .hop(to: channel.eventLoop)
        case .pollingHandshake, .poll, .post: return refusal
        }
    }

    private func upgrade(_ channel: any Channel, _ head: HTTPRequestHead) -> EventLoopFuture<Void> {
        let link = WebSocketLink(channel: channel)
        let session: SessionReference
        switch request(head) {
        case (let url, .webSocketHandshake)?:
            session = server.makeSession(
                EngineHTTPHandler.handshake(channel, head, url), link: link, on: channel.eventLoop)
            session.value.start()
        case (_, .webSocketUpgrade(let sid))?:
            guard let known = server.session(sid) else { return channel.close() }
            session = known
            session.run { $0.candidateOpened(link) }
        default: return channel.close()  // The session ended within the handshake.
        }
        let maxPayload = server.configuration.maxPayload
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                WebSocketHandler(maxPayload: maxPayload) { event in
                    session.run { $0.received(event, from: link) }
                })
        }
    }
}

/// A session that is known from any thread and used on its own event loop.
struct SessionReference: Sendable {
    let eventLoop: any EventLoop
    private let session: NIOLoopBound<EngineSession>

    /// On the session's event loop.
    init(_ session: EngineSession) {
        eventLoop = session.eventLoop
        self.session = NIOLoopBound(session, eventLoop: session.eventLoop)
    }

    /// On the session's event loop.
    var value: EngineSession { session.value }

    /// At once on the session's event loop, soon from elsewhere.
    func run(_ body: @escaping @Sendable (EngineSession) -> Void) {
        if eventLoop.inEventLoop {
            body(session.value)
        } else {
            eventLoop.execute { body(session.value) }
        }
    }
}
