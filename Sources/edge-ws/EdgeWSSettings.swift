import Authentication
import NIOCore
import OTLPTracing
import Operations
import RedisClient
import RedisSettings
import Shared
import SocketIO

/// The settings of `edge-ws`.
struct EdgeWSSettings: ProcessSettings {
    static let process = "edge-ws"

    let host: String
    let port: Int
    let adminHost: String
    let adminPort: Int
    let namespace: String
    let socketIO: SocketIOConfiguration
    let limits: SocketLimits
    /// Zero: connections are not recovered.
    let recoveryWindow: Duration
    /// Empty: the replicas agree on one.
    let recoverySecret: String
    let drainTime: Duration
    /// Nil: what Socket.IO emitters publish is not delivered.
    let emitter: EmitterChannels?
    /// Nil: pushes only.
    let bridgeSockets: [String]?
    let operations: OperationSettings
    let maxRequestsPerSocket: Int
    let maxInFlight: Int
    let authentication: AuthenticationSettings?
    let redis: RedisConfiguration
    /// Nil: no answers are cached.
    let cacheLifetime: Duration?
    /// Nil: no traces are made.
    let traces: TraceSettings?
    let offersTraceContext: Bool

    init(from reader: inout SettingsReader) {
        host = reader.string("WS_HOST", default: "0.0.0.0", help: "Address of the Socket.IO server.")
        port = reader.port(
            "WS_PORT", default: 4042, help: "Port of the Socket.IO server; 0 picks a free one.")
        adminHost = reader.string("ADMIN_HOST", default: "127.0.0.1", help: "Address of the admin servers.")
        adminPort = reader.port(
            "WS_ADMIN_PORT", default: 4142,
            help: "Admin port of edge-ws (`/livez`, `/readyz`, `/version`, `/counters`, `/metrics`, "
                + "`/errors`, `/report`).")
        var socketIO = SocketIOConfiguration()
        socketIO.path = reader.string(
            "WS_PATH", default: "/socket.io/", help: "Path of Socket.IO, with a slash at both ends.")
        if !socketIO.path.hasPrefix("/") || !socketIO.path.hasSuffix("/") {
            reader.mistake("WS_PATH: '\(socketIO.path)' does not begin and end with a slash")
        }
        namespace = reader.string(
            "WS_NAMESPACE", default: "/finance-payments", help: "Namespace that clients join.")
        if !namespace.hasPrefix("/") || namespace.contains(",") {
            reader.mistake("WS_NAMESPACE: '\(namespace)' does not begin with a slash, or has a comma")
        }
        socketIO.pingInterval = TimeAmount(
            reader.milliseconds(
                "WS_PING_INTERVAL", default: 25_000, in: 100...600_000, help: "Time (ms) between heartbeats.")
        )
        socketIO.pingTimeout = TimeAmount(
            reader.milliseconds(
                "WS_PING_TIMEOUT", default: 20_000, in: 100...600_000,
                help: "Time (ms) for the answer to a heartbeat."))
        socketIO.maxPayload = reader.bytes(
            "WS_MAX_PAYLOAD", default: 1_000_000, in: 1024...104_857_600,
            help: "Longest message (bytes) of a Socket.IO client.")
        socketIO.bufferLimit = reader.bytes(
            "WS_BUFFER_LIMIT", default: 1_048_576, in: 4096...1_073_741_824,
            help:
                "Bytes that may wait for one client, besides what it has missed; a slower one is disconnected."
        )
        socketIO.maxConnections = reader.integer(
            "WS_MAX_CONNECTIONS", default: 20_000, in: 1...1_000_000,
            help: "Socket.IO sessions of one edge-ws; more are refused.")
        socketIO.connectTimeout = TimeAmount(
            reader.milliseconds(
                "WS_CONNECT_TIMEOUT", default: 45_000, in: 100...600_000,
                help: "Time (ms) within which a client has to join the namespace."))
        limits = SocketLimits(from: &reader)
        socketIO.allowedOrigins = AllowedOriginsSetting.read(&reader)
        socketIO.cookie = reader.optionalString(
            "WS_COOKIE",
            help:
                "Name of a cookie with the session's id, for proxies that route polling clients by it; empty: none."
        )
        if let cookie = socketIO.cookie, !cookie.isHTTPToken {
            reader.mistake("WS_COOKIE: '\(cookie)' is not a name that a cookie may have")
        }
        self.socketIO = socketIO
        recoveryWindow = reader.milliseconds(
            "WS_RECOVERY_WINDOW", default: 120_000, in: 0...86_400_000,
            help:
                "Time (ms) for which a client that has lost its connection gets what it missed; 0: connections are not recovered."
        )
        recoverySecret =
            reader.secret(
                "WS_RECOVERY_SECRET",
                help:
                    "Signs what clients recover with, the same for all replicas; empty: they agree on one in Redis."
            )
            ?? ""
        drainTime = reader.milliseconds(
            "WS_DRAIN_TIME", default: 5000, in: 0...600_000,
            help:
                "Time (ms) after SIGTERM over which the clients' connections are closed; less than SHUTDOWN_TIMEOUT."
        )
        let isEmitterOn = reader.choice(
            "WS_EMITTER", default: "off", of: ["off": false, "on": true],
            help: "`on`: what Socket.IO Redis emitters publish is delivered; whoever may publish is trusted.")
        let prefix = reader.string(
            "WS_EMITTER_PREFIX", default: "socket.io", help: "Option `key` of those emitters.")
        emitter = isEmitterOn == true ? EmitterChannels(prefix: prefix, namespace: namespace) : nil
        bridgeSockets = BridgeSocketSetting.readOptional(&reader)
        operations = OperationSettings(from: &reader, loads: bridgeSockets != nil)
        maxRequestsPerSocket = reader.integer(
            "WS_MAX_REQUESTS_PER_SOCKET", default: 16, in: 1...10_000,
            help: "Requests of one socket that may be in flight; more are answered 503.")
        maxInFlight = reader.integer(
            "WS_MAX_IN_FLIGHT", default: 2048, in: 1...1_000_000,
            help: "Requests of all sockets of one edge-ws that may be in flight; more are answered 503.")
        authentication = AuthenticationSettings.read(&reader)
        redis = RedisConfiguration(from: &reader)
        cacheLifetime = CacheSetting.read(&reader)
        traces = TraceSettings.read(&reader)
        offersTraceContext =
            reader.choice(
                "WS_TRACE_CONTEXT", default: "off", of: ["off": false, "on": true],
                help:
                    "`on`: clients get an object with the update's `traceparent` as one more argument of each update that has a trace."
            ) ?? false
    }
}
