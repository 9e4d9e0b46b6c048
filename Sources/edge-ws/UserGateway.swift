import Logging
import NIOCore
import RawJSON
import Shared
import SocketIO
import Synchronization

/// Who a socket belongs to: the user of the handshake's query, or of the `register-user` event.
final class UserGateway: SocketIODelegate {
    /// How long a connection, or a registration, waits for its subscription.
    static let subscriptionLimit = TimeAmount.seconds(2)
    /// How long a connection that is recovered waits for what it has missed.
    static let recoveryLimit = TimeAmount.seconds(10)
    static let registerEvent = "register-user"

    private let namespace: String
    private let updates: UpdateFanout
    private let recovery: Recovery
    private let logger: Logger
    /// Users by socket.
    private let users = Mutex<[ObjectIdentifier: String]>([:])

    init(namespace: String, updates: UpdateFanout, recovery: Recovery, logger: Logger) {
        self.namespace = namespace
        self.updates = updates
        self.recovery = recovery
        self.logger = logger
    }

    static func room(_ userID: String) -> String { "user:\(userID)" }

    func connect(
        _ request: ConnectRequest, socket: SocketIOSocket
    ) -> EventLoopFuture<ConnectDecision> {
        // An empty one is a page's that does not know its user yet.
        let named = request.query("userId").flatMap { $0.isEmpty ? nil : $0 }
        if let named, !UserID.isValid(named) {
            return socket.eventLoop.makeSucceededFuture(.refuse(message: Self.tooLong, data: nil))
        }
        if recovery.mustWait(for: request.auth) {
            return socket.eventLoop.makeSucceededFuture(.postpone)
        }
        let claim = recovery.claim(request.auth, userID: named)
        guard let userID = claim?.userID ?? named else {
            var admission = Admission()
            admission.recoveredID = claim?.socketID
            admission.privateID =
                claim?.text ?? recovery.issue(socketID: socket.id, userID: nil, position: .zero)
            return socket.eventLoop.makeSucceededFuture(.accept(admission))
        }
        users.withLock { $0[ObjectIdentifier(socket)] = userID }
        let limit = claim == nil ? Self.subscriptionLimit : Self.recoveryLimit
        return updates.join(userID, on: socket.eventLoop, after: claim?.position, limit: limit)
            .assumeIsolated().map { self.decide(socket, userID, claim, $0) }.nonisolated()
    }

    private func decide(
        _ socket: SocketIOSocket, _ userID: String, _ claim: Recovery.Claim?, _ arrival: Arrival?
    ) -> ConnectDecision {
        var admission = Admission()
        admission.rooms = [Self.room(userID)]
        if let claim, let missed = arrival?.missed {
            admission.recoveredID = claim.socketID
            admission.privateID = claim.text
            admission.missed = missed.map { recovery.event($0, of: userID, namespace: namespace) }
        } else if let arrival {
            admission.privateID = recovery.issue(
                socketID: socket.id, userID: userID, position: arrival.position)
        } else if claim != nil {
            // What it has missed cannot be told while Redis is away, and is not given up for that.
            return .postpone
        }
        return .accept(admission)
    }

    func connected(_ socket: SocketIOSocket) {
        logger.debug("connected", metadata: ["socket": "\(socket.id)"])
    }

    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket
    ) {
        guard name == Self.registerEvent else { return }
        guard let userID = Self.userID(arguments.first) else {
            ack?([
                Self.answer(
                    error: "\(Self.registerEvent) needs a userId: a string, a number, or an object with one")
            ])
            return
        }
        guard UserID.isValid(userID) else {
            ack?([Self.answer(error: Self.tooLong)])
            return
        }
        register(userID, socket) { ack?([Self.answer(userID: userID)]) }
    }

    func disconnected(_ socket: SocketIOSocket, reason: String) {
        if let userID = users.withLock({ $0.removeValue(forKey: ObjectIdentifier(socket)) }) {
            updates.leave(userID)
        }
        logger.debug("disconnected", metadata: ["socket": "\(socket.id)", "reason": "\(reason)"])
    }

    /// Moves the socket to the room of a user; a socket has one user at most.
    private func register(_ userID: String, _ socket: SocketIOSocket, _ done: @escaping () -> Void) {
        let earlier = users.withLock { $0.updateValue(userID, forKey: ObjectIdentifier(socket)) }
        if let earlier {
            guard earlier != userID else { return done() }
            socket.leave(Self.room(earlier))
            updates.leave(earlier)
        }
        updates.join(userID, on: socket.eventLoop, limit: Self.subscriptionLimit).assumeIsolated()
            .whenSuccess { [self] arrival in
                // The socket may have left, or moved on, meanwhile.
                guard users.withLock({ $0[ObjectIdentifier(socket)] }) == userID else { return }
                socket.join(Self.room(userID))
                done()
                if let arrival,
                    let event = recovery.registered(userID, at: arrival.position, namespace: namespace)
                {
                    socket.emit(event)
                }
            }
    }

    private static let tooLong = "userId is longer than \(UserID.longest) bytes"

    private static func userID(_ argument: JSONValue?) -> String? {
        guard let argument, argument.kind == .object else { return UserID.text(argument) }
        return UserID.text((try? RawJSON.object(argument.text))?["userId"])
    }

    private static func answer(userID: String) -> ByteBuffer {
        var buffer = ByteBuffer(string: "{\"ok\":true,\"userId\":")
        buffer.writeJSONString(userID)
        buffer.writeStaticString("}")
        return buffer
    }

    private static func answer(error: String) -> ByteBuffer {
        var buffer = ByteBuffer(string: "{\"ok\":false,\"error\":")
        buffer.writeJSONString(error)
        buffer.writeStaticString("}")
        return buffer
    }
}
