public import NIOCore
import NIOHTTP1

/// A server of plain WebSockets at `/` that sends back every message, for conformance suites.
public final class WebSocketEchoServer: Sendable {
    private let maxMessage: Int
    private let listener: Listener
    private let webSocketUpgrade = WebSocketUpgrade()

    /// - Parameters:
    ///   - maxMessage: bytes; a longer message closes with 1009.
    ///   - bufferLimit: bytes that may wait for one client; beyond it the connection is closed.
    public init(maxMessage: Int, bufferLimit: Int, maxConnections: Int, group: any EventLoopGroup) {
        self.maxMessage = maxMessage
        listener = Listener(group: group, maxConnections: maxConnections, bufferLimit: bufferLimit)
    }

    /// Binds and accepts.
    ///
    /// - Returns: the port, which differs from the one asked for when that was 0.
    public func start(host: String, port: Int) async throws -> Int {
        try await listener.start(host: host, port: port) { channel in
            let handlers = HTTPHandlers()
            try handlers.add(to: channel)
            try channel.pipeline.syncOperations.addHandler(
                EchoHTTPHandler(
                    handlers: handlers, upgrade: self.webSocketUpgrade, maxMessage: self.maxMessage))
        }
    }

    /// Closes everything.
    public func stop() async { await listener.stop() }
}

/// The HTTP side: one request, which is to become a WebSocket.
private final class EchoHTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let handlers: HTTPHandlers
    private let webSocketUpgrade: WebSocketUpgrade
    private let maxMessage: Int
    private var head: HTTPRequestHead?

    init(handlers: HTTPHandlers, upgrade: WebSocketUpgrade, maxMessage: Int) {
        self.handlers = handlers
        webSocketUpgrade = upgrade
        self.maxMessage = maxMessage
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            handle(head, context.channel)
        }
    }

    private func handle(_ head: HTTPRequestHead, _ channel: any Channel) {
        let exchange = HTTPExchange(
            channel: channel, keepAlive: false, isHead: head.method == .HEAD, headers: HTTPHeaders())
        guard EngineURL(head.uri).path == "/" else {
            return exchange.respond(.notFound, ByteBuffer(string: "Not Found"))
        }
        guard let headers = webSocketUpgrade.accept(head, on: channel) else {
            return exchange.respond(.badRequest, ByteBuffer(string: "A WebSocket handshake is needed"))
        }
        let link = WebSocketLink(channel: channel)
        let handler = WebSocketHandler(maxMessage: maxMessage) { event in
            if case .message(let message) = event { Self.echo(message, link) }
        }
        do {
            try handlers.upgrade(channel, headers, last: self, to: handler)
            channel.flush()
        } catch {
            channel.close(promise: nil)  // It is closed already.
        }
    }

    private static func echo(_ message: WebSocketMessage, _ link: WebSocketLink) {
        guard link.isWritable else { return link.close() }
        switch message {
        case .text(let data): link.write(.webSocketFrame(.text, data))
        case .binary(let data): link.write(.webSocketFrame(.binary, data))
        }
        link.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
