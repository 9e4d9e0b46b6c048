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
    /// Whether they are connected by TLS.
    let isSecure: Bool

    /// Whether a client waits for `100 Continue`, and is to get it (RFC 9110 §10.1.1).
    func expectsContinue(_ head: HTTPRequestHead) -> Bool {
        guard head.version == .http1_1,
            head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" })
        else { return false }
        return head.headers.first(name: "content-length").flatMap { Int($0) }.map { $0 <= bodyLimit } ?? true
    }
}

extension HTTPServerBuilder {
    /// The public port.
    static func clients(_ rules: ClientRules) -> HTTPServerBuilder {
        HTTPServerBuilder { ClientChannel(responder: $0, rules: rules) }
    }
}

/// Connections that speak HTTP/1.1.
struct ClientChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let rules: ClientRules

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try setUp(channel, connected: .now(), logger)
        }
    }

    private func setUp(_ channel: any Channel, connected: NIODeadline, _ logger: Logger) throws -> Value {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 16_384
        limits.maxHeaderListSize = 32_768
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
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
