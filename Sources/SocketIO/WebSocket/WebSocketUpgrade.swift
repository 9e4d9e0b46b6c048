import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The opening handshake of RFC 6455, §4.2. NIO checks the request; its way of changing the pipeline is not used, since it
/// upgrades only by the first request of a connection and installs a decoder that this server does without.
struct WebSocketUpgrade: Sendable {
    private let upgrader = NIOWebSocketServerUpgrader(
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
        upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })

    /// The headers of the answer 101; nil when the request is no well-formed one for a WebSocket of version 13.
    func accept(_ head: HTTPRequestHead, on channel: any Channel) -> HTTPHeaders? {
        guard head.asksForUpgrade else { return nil }
        var headers: HTTPHeaders?
        // NIO answers at once.
        upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: head, initialResponseHeaders: HTTPHeaders()
        ).assumeIsolated().whenSuccess { headers = $0 }
        return headers
    }
}

extension HTTPRequestHead {
    /// Whether the request names WebSocket as the protocol that it wants to change to.
    var isWebSocketUpgrade: Bool {
        headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// Whether the header `Connection` asks for a change of protocol as well.
    fileprivate var asksForUpgrade: Bool {
        headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }
}

/// The handlers between a connection's bytes and its HTTP messages, which leave when it becomes a WebSocket.
struct HTTPHandlers {
    private let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
    private let encoder = HTTPResponseEncoder()
    private let others: [any RemovableChannelHandler] = [
        // Brings one request at a time.
        HTTPServerPipelineHandler(), NIOHTTPResponseHeadersValidator(), HTTPServerProtocolErrorHandler(),
    ]

    func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
        for handler in others { try pipeline.addHandler(handler) }
    }

    /// Answers 101, after which the channel has bytes of a WebSocket for `handler`.
    ///
    /// - Parameter last: the handler of HTTP requests.
    func upgrade(
        _ channel: any Channel, _ headers: HTTPHeaders, last: any RemovableChannelHandler,
        to handler: WebSocketHandler
    ) throws {
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.end(nil), promise: nil)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(handler)
        for handler in others { pipeline.removeHandler(handler, promise: nil) }
        pipeline.removeHandler(last, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        // The last one: it hands over what has come behind the request.
        pipeline.removeHandler(decoder, promise: nil)
    }
}
