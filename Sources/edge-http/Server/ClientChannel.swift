import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// What clients of the public port are held to.
struct ClientRules: Sendable {
    let timeouts: ClientTimeouts
    /// Bytes; a client that announces more is not asked to send them.
    let bodyLimit: Int
    let faults: ClientFaults
    let drain: ListenerDrain
    /// Whether they are connected by TLS.
    let isSecure: Bool
    var connections = ClientConnections()

    /// Whether a client waits for `100 Continue`, and is to get it (RFC 9110 §10.1.1).
    ///
    /// - Parameter expectations: the values of `Expect`.
    func expectsContinue(_ expectations: [some StringProtocol], contentLength: String?) -> Bool {
        guard expectations.contains(where: { $0.lowercased() == "100-continue" }) else { return false }
        return contentLength.flatMap { Int($0) }.map { $0 <= bodyLimit } ?? true
    }
}

extension HTTPServerBuilder {
    /// The public port, by TLS where there are certificates.
    static func clients(_ rules: ClientRules, certificates: TLSCertificates?) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let plain = ClientChannel(responder: responder, rules: rules)
            return certificates.map { SecureClientChannel(plain: plain, certificates: $0) } ?? plain
        }
    }
}

/// Connections that speak HTTP/1.1.
struct ClientChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    /// Bytes of all fields of a header.
    static let maxHeaderSize = 32_768

    let responder: Responder
    let rules: ClientRules

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        rules.connections.opened(channel)
        return channel.eventLoop.makeCompletedFuture {
            try setUp(channel, connected: .now(), logger)
        }
    }

    func setUp(_ channel: any Channel, connected: NIODeadline, _ logger: Logger) throws -> Value {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 16_384
        limits.maxHeaderListSize = Self.maxHeaderSize
        limits.maxHeaderFieldCount = 100
        let pipeline = channel.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(
            // The requests of a connection are answered one after another, its own errors by the handler below, and headers
            // of answers are checked by their type.
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        try pipeline.addHandler(HTTP1Handler(rules: rules, connected: connected))
        // Ends the connection after the answers in flight when the process stops.
        try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await handleHTTP(asyncChannel: value, logger: logger)
        }
    }
}
