public import NIOCore
public import RawJSON

/// How a server behaves. The defaults are the official server's where it has any.
public struct SocketIOConfiguration: Sendable {
    /// With the slash at its end.
    public var path = "/socket.io/"
    public var pingInterval: TimeAmount = .seconds(25)
    public var pingTimeout: TimeAmount = .seconds(20)
    /// Bytes of one polling POST (more is 413) and of one WebSocket message (more closes with 1009).
    public var maxPayload = 1_000_000
    /// How long a session may go without joining a namespace.
    public var connectTimeout: TimeAmount = .seconds(45)
    public var upgradeTimeout: TimeAmount = .seconds(10)
    /// Bytes that may wait for a client that does not take them; beyond it is disconnected.
    public var bufferLimit = 1 << 20
    /// Bytes of what a client has missed that may wait for it besides.
    public var missedLimit = 16 << 20
    public var maxConnections = 20_000
    /// Exact origins, or `*`. Empty: no CORS headers, and WebSockets only without an origin or from the same host.
    public var allowedOrigins: [String] = []
    /// The name of a cookie with the session's id, set by the answer to a polling handshake, for load balancers that keep
    /// a client at one server by it. Nil: none.
    public var cookie: String?
    /// Whether this server is to get clients, as a load balancer is told at `/healthz`; nil: there is no such path.
    public var isReady: (@Sendable () -> Bool)?
    /// Whether a client may begin a session, asked once for each that would; false answers 429. Nil lets everyone in.
    public var allowSession: (@Sendable (SessionRequest) -> Bool)?

    public init() {}

    /// How long an HTTP connection may go without a byte. Longer than a session without a sign of life: a client that asks
    /// at the end of that gets an answer, not a connection that closes just then.
    var idleTimeout: TimeAmount { pingInterval + pingTimeout + .seconds(5) }

    var timing: EngineSessionMachine.Timing {
        .init(pingInterval: pingInterval, pingTimeout: pingTimeout, upgradeTimeout: upgradeTimeout)
    }
}

/// A client's wish to begin a session.
public struct SessionRequest: Sendable {
    public let remoteAddress: String?
    /// The entries of `X-Forwarded-For`, in order.
    public let forwardedFor: [String]
}

/// A client's wish to join a namespace.
public struct ConnectRequest: Sendable {
    public let namespace: String
    /// The payload of CONNECT, a JSON object.
    public let auth: ByteBuffer?
    let handshake: Handshake

    /// The query of the handshake's URL, decoded.
    public var query: [(name: String, value: String)] { handshake.query }
    /// The headers of the handshake.
    public var headers: [(name: String, value: String)] { handshake.headers }

    /// The first value of a name in the query.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// What a client finds when it comes into a namespace.
public struct Admission: Sendable {
    /// The rooms it is in from the moment it is connected: whatever is emitted to them later reaches it.
    public var rooms: [String] = []
    /// The secret by which the client may recover this connection later, told to it as `pid`; nil: it may not.
    public var privateID: String?
    /// The Socket.IO id of the connection that this one goes on with; nil for a new one.
    public var recoveredID: String?
    /// Sent right after the client was told that it is connected.
    public var missed: [EncodedEvent] = []

    public init() {}
}

public enum ConnectDecision: Sendable {
    case accept(Admission)
    /// Closes the client's transport, upon which official clients try again by themselves.
    case postpone
    /// The client gets a CONNECT_ERROR with this message, and `data` (raw JSON) where there is some.
    case refuse(message: String, data: ByteBuffer?)
}

/// The application behind a server. All calls come on the socket's event loop.
public protocol SocketIODelegate: AnyObject, Sendable {
    /// Decides on a connection; the future belongs to the socket's event loop and may take its time.
    func connect(_ request: ConnectRequest, socket: SocketIOSocket) -> EventLoopFuture<ConnectDecision>
    /// The client has been told that it is connected.
    func connected(_ socket: SocketIOSocket)
    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket)
    /// Once for each socket whose `connect` was asked and not refused.
    func disconnected(_ socket: SocketIOSocket, reason: String)
}

/// An event encoded once, to be sent to any number of sockets of its namespace.
public struct EncodedEvent: Sendable, Equatable {
    let namespace: String
    let packets: [EnginePacket]
    /// The same as frames of a WebSocket.
    let frames: ByteBuffer

    /// - Parameters:
    ///   - arguments: raw JSON values; attachments are named in them by `{"_placeholder":true,"num":n}`.
    public init(
        namespace: String, name: String, arguments: [ByteBuffer], attachments: [ByteBuffer] = []
    ) {
        self.namespace = namespace
        let text = SocketPacketWriter.event(
            namespace, name: name, arguments: arguments, attachments: attachments.count)
        packets = .message(text, with: attachments)
        frames = ByteBuffer(webSocketFramesOf: packets)
    }
}

/// A client's acknowledgement of an event.
public struct SocketIOAnswer: Equatable, Sendable {
    public let arguments: [JSONValue]
    public let attachments: [ByteBuffer]
}

/// Why an event was not acknowledged.
public enum SocketIOAckError: Error, Equatable {
    case timeout
    case disconnected
    /// The client has too many events to acknowledge already; this one was not sent.
    case tooMany
}

/// What a server holds at the moment.
public struct SocketIOStatistics: Sendable {
    public internal(set) var sessions = 0
    /// Those of them whose transport is a WebSocket.
    public internal(set) var webSockets = 0
    /// Sessions that were begun by polling, and on a WebSocket.
    public internal(set) var begunByPolling = 0
    public internal(set) var begunOnWebSocket = 0
    /// Sessions that went over from polling to WebSocket.
    public internal(set) var upgrades = 0
    public internal(set) var ended: [EngineCloseReason: Int] = [:]
    /// TCP connections, those without a session as well.
    public internal(set) var connections = 0
    /// Clients that were disconnected since they did not take what was sent.
    public var slowConsumers: Int { ended[.slowConsumer] ?? 0 }
    public internal(set) var refusedConnections = 0
}
