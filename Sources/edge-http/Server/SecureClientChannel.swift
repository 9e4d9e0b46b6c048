import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import NIOSSL

/// Connections by TLS, which speak HTTP/2 or HTTP/1.1, as the client prefers (ALPN).
struct SecureClientChannel: ServerChildChannel {
    typealias Exchange = ClientChannel.Value
    typealias Streams = NIOHTTP2Handler.AsyncStreamMultiplexer<Exchange>

    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<NIONegotiatedHTTPVersion<Exchange, Streams>>
        let channel: any Channel
    }

    /// For the connections that speak HTTP/1.1.
    let plain: ClientChannel
    let certificates: TLSCertificates

    private var rules: ClientRules { plain.rules }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let connected = NIODeadline.now()
        rules.connections.opened(channel)
        // The handshake is part of the time that a new connection has for its first header.
        let handshake = channel.eventLoop.scheduleTask(
            deadline: connected + TimeAmount(rules.timeouts.header)
        ) {
            rules.faults.count(.idle)
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in handshake.cancel() }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.current))
        }.flatMap {
            channel.configureHTTP2AsyncSecureUpgrade { channel in
                channel.eventLoop.makeCompletedFuture {
                    handshake.cancel()
                    return try plain.setUp(channel, connected: connected, logger)
                }
            } http2ConnectionInitializer: { channel in
                channel.eventLoop.makeCompletedFuture {
                    handshake.cancel()
                    return try setUpHTTP2(channel)
                }
            }
        }.map { Value(negotiated: $0, channel: channel) }
    }

    /// Resets, errors, control frames and CONTINUATION are limited by NIO's defaults, 200 in 30 s and 5 in a row.
    private func setUpHTTP2(_ channel: any Channel) throws -> Streams {
        var http2 = NIOHTTP2Handler.Configuration()
        http2.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: 100),
            HTTP2Setting(parameter: .maxHeaderListSize, value: ClientChannel.maxHeaderSize),
        ]
        let idle = TimeAmount(rules.timeouts.idle)
        return try channel.pipeline.syncOperations.configureAsyncHTTP2Pipeline(
            mode: .server,
            connectionManagerConfiguration: .init(
                // A process that stops waits for the answers in flight.
                maxIdleTime: idle, maxAge: nil, maxGraceTime: nil,
                keepalive: .init(pingInterval: idle, ackTimeout: TimeAmount(rules.timeouts.header))),
            http2HandlerConfiguration: http2
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let pipeline = stream.pipeline.syncOperations
                try pipeline.addHandler(HTTP2FramePayloadToHTTPServerCodec())
                try pipeline.addHandler(HTTP2StreamHandler(rules: rules))
                return try Exchange(wrappingChannelSynchronously: stream)
            }
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http1_1(let exchange): await plain.handle(value: exchange, logger: logger)
            case .http2(let streams):
                try await withThrowingDiscardingTaskGroup { group in
                    for try await exchange in streams.inbound {
                        group.addTask { await plain.handle(value: exchange, logger: logger) }
                    }
                }
            }
        } catch {
            // The handshake, or the connection, has failed; the channel is closed with it.
            logger.trace("connection failed", metadata: ["error": "\(error)"])
        }
    }
}
