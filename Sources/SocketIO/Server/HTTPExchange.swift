import NIOCore
import NIOHTTP1

/// One HTTP request that awaits its answer, which may be given from any thread.
struct HTTPExchange: Sendable {
    let channel: any Channel
    let keepAlive: Bool
    /// The answer to HEAD has no body, though the headers of one (RFC 9110 §9.3.2).
    let isHead: Bool
    /// The headers of the answer besides those of its body.
    var headers: HTTPHeaders

    /// - Parameter linger: how long a connection that is to be closed stays open for what the client still sends.
    func respond(
        _ status: HTTPResponseStatus, contentType: String = "text/plain; charset=UTF-8", _ body: ByteBuffer,
        close: Bool = false, linger: TimeAmount = .zero
    ) {
        var headers = headers
        if status != .noContent { headers.add(name: "content-type", value: contentType) }
        headers.add(name: "content-length", value: String(body.readableBytes))
        headers.add(name: "cache-control", value: "no-store")
        let closes = close || !keepAlive
        if closes { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if body.readableBytes > 0, !isHead {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
        }
        let end = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        guard closes else { return }
        end.whenComplete { [channel] _ in
            guard linger > .zero else { return channel.close(promise: nil) }
            channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
        }
    }

    /// Whether the server is to get clients, and no more than that.
    func tellHealth(_ isReady: Bool, _ method: HTTPMethod) {
        guard method == .GET || method == .HEAD else {
            var exchange = self
            exchange.headers.add(name: "allow", value: "GET, HEAD")
            return exchange.respond(.methodNotAllowed, ByteBuffer())
        }
        respond(
            isReady ? .ok : .serviceUnavailable, ByteBuffer(string: isReady ? "ok\n" : "unavailable\n"))
    }

    /// The server takes no further sessions.
    func refuse() {
        respond(.serviceUnavailable, ByteBuffer(string: "Too many connections"), close: true)
    }

    /// This client may begin no session now (RFC 6585 §4).
    func refuseForNow() {
        var exchange = self
        exchange.headers.add(name: "retry-after", value: "1")
        exchange.respond(.tooManyRequests, ByteBuffer(string: "Too many requests"), close: true)
    }

    /// Engine.IO's error: JSON, or on an upgrade request the bare text, after which the connection closes.
    func fail(_ error: EngineError, isUpgrade: Bool = false) {
        if isUpgrade {
            var exchange = self
            // The versions that are spoken here (RFC 6455, §4.4).
            exchange.headers.add(name: "sec-websocket-version", value: "13")
            return exchange.respond(
                error.status, contentType: "text/html", ByteBuffer(string: error.message), close: true)
        }
        respond(
            error.status, contentType: "application/json",
            ByteBuffer(string: "{\"code\":\(error.rawValue),\"message\":\"\(error.message)\"}"))
    }
}
