import FoundationEssentials
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
        guard head.isWebSocketHandshake else { return nil }
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

    /// What NIO leaves unchecked of RFC 6455, §4.2.1: the method, the version, that both headers ask for the change of
    /// protocol, and that the key has 16 bytes.
    fileprivate var isWebSocketHandshake: Bool {
        guard method == .GET, version == .http1_1, isWebSocketUpgrade,
            headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }),
            let key = headers.first(name: "sec-websocket-key")
        else { return false }
        return Data(base64Encoded: key)?.count == 16
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
