import Authentication
import Logging
import NIOCore
import RawJSON
import Shared
import SocketIO
import Synchronization
import Telemetry

/// Who a socket belongs to: the user of the handshake's query, or of the `register-user` event.
final class UserGateway: SocketIODelegate {
    /// How long a connection, or a registration, waits for its subscription.
    static let subscriptionLimit = TimeAmount.seconds(2)
    /// How long a connection that is recovered waits for what it has missed.
    static let recoveryLimit = TimeAmount.seconds(10)
    static let registerEvent = "register-user"

    /// What became of connections that clients wanted to go on with.
    private enum Recovered: String, CaseIterable { case recovered, restarted, postponed }

    private let namespace: String
    private let updates: Updates
    private let recovery: Recovery
    private let events: UpdateEvents
    /// Nil when nobody has to say who they are by a token.
    private let authenticator: Authenticator?
    private let requests: SocketRequests
    private let expiry = TokenExpiry()
    private let refusals: Refusals
    private let logger: Logger
    private let recoveries = CounterSet<Recovered>(.socketRecoveries)
    private let registrations = EventMeter(event: registerEvent)
    private let sockets: Mutex<SocketTable<ObjectIdentifier>>

    init(
        events: UpdateEvents, updates: Updates, authenticator: Authenticator?, requests: SocketRequests,
        limits: SocketLimits, refusals: Refusals, logger: Logger
    ) {
        namespace = events.namespace
        recovery = events.recovery
        self.events = events
        self.updates = updates
        self.authenticator = authenticator
        self.requests = requests
        self.refusals = refusals
        self.logger = logger
        sockets = Mutex(SocketTable(mostPerUser: limits.connectionsPerUser, eventRate: limits.eventRate))
    }

    /// Users who have sockets here.
    var userCount: Int { sockets.withLock { $0.userCount } }

    static func room(_ userID: String) -> String { "user:\(userID)" }

    func connect(
        _ request: ConnectRequest, socket: SocketIOSocket
    ) -> EventLoopFuture<ConnectDecision> {
        let identity: SocketIdentity
        do {
            identity = try SocketIdentity(
                request, authenticator: authenticator, now: WallClock.millisecondsSince1970())
        } catch {
            return refuse(error, socket)
        }
        if recovery.mustWait(for: request.auth) {
            return socket.eventLoop.makeSucceededFuture(.postpone)
        }
        // A token's user is always named here, so that no claim brings another one.
        let claim = recovery.claim(request.auth, userID: identity.userID)
        guard let userID = claim?.userID ?? identity.userID else {
            var admission = Admission()
            admission.recoveredID = claim?.socketID
            admission.privateID =
                claim?.text ?? recovery.issue(socketID: socket.id, userID: nil, position: .zero)
            return socket.eventLoop.makeSucceededFuture(.accept(admission))
        }
        guard sockets.withLock({ $0.assign(userID, to: ObjectIdentifier(socket)) }) != .full else {
            return refuse(SocketIdentity.tooMany, socket)
        }
        if let expiresAt = identity.expiresAt { expiry.note(expiresAt, socket) }
        let limit = claim == nil ? Self.subscriptionLimit : Self.recoveryLimit
        return updates.join(userID, socket, after: claim?.position, limit: limit)
            .assumeIsolated().map { self.decide(socket, userID, claim, $0) }.nonisolated()
    }

    private func refuse(
        _ refusal: SocketIdentity.Refusal, _ socket: SocketIOSocket
    ) -> EventLoopFuture<ConnectDecision> {
        refusals.count(refusal.code)
        return socket.eventLoop.makeSucceededFuture(.refuse(message: refusal.message, data: refusal.data))
    }

    private func decide(
        _ socket: SocketIOSocket, _ userID: String, _ claim: Recovery.Claim?, _ arrival: Arrival?
    ) -> ConnectDecision {
        // The client has left meanwhile: nobody asks, and it counts as nothing.
        guard sockets.withLock({ $0.user(of: ObjectIdentifier(socket)) }) == userID else { return .postpone }
        var admission = Admission()
        admission.rooms = [Self.room(userID)]
        if let claim, let missed = arrival?.missed {
            recoveries.count(.recovered)
            admission.recoveredID = claim.socketID
            admission.privateID = claim.text
            admission.missed = missed.map { events.withEvent(for: $0, of: userID, isRecovered: true) { $0 } }
        } else if let arrival {
            if claim != nil { recoveries.count(.restarted) }
            admission.privateID = recovery.issue(
                socketID: socket.id, userID: userID, position: arrival.position)
        } else if claim != nil {
            recoveries.count(.postponed)
            // What it has missed cannot be told while Redis is away, and is not given up for that.
            return .postpone
        }
        return .accept(admission)
    }

    func connected(_ socket: SocketIOSocket) {
        expiry.watch(socket)
        logger.debug("connected", metadata: ["socket": "\(socket.id)"])
    }

    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket
    ) {
        let (verdict, user) = sockets.withLock {
            ($0.event(of: ObjectIdentifier(socket), .now()), $0.user(of: ObjectIdentifier(socket)))
        }
        switch verdict {
        case .granted: break
        case .refused:
            refusals.count("event-rate")
            guard name == Self.registerEvent else { return requests.refuseForNow(name, ack, socket) }
            registrations.count(.limited)
            ack?([Self.answer(error: "Too many events; wait a second.")])
            return
        case .excessive:
            refusals.count("event-flood")
            return socket.disconnect()
        }
        if name == Self.registerEvent { return register(arguments, ack, user, socket) }
        // Only what a token says is passed on as the caller's name.
        requests.received(
            name, arguments: arguments, attachments: attachments.count, ack: ack,
            userID: authenticator == nil ? nil : user, socket: socket)
    }

    private func register(
        _ arguments: [JSONValue], _ ack: SocketIOAck?, _ user: String?, _ socket: SocketIOSocket
    ) {
        guard let userID = Self.userID(arguments.first) else {
            registrations.count(.invalid)
            ack?([
                Self.answer(
                    error: "\(Self.registerEvent) needs a userId: a string, a number, or an object with one")
            ])
            return
        }
        if let fault = UserID.fault(userID) { return refuse(SocketIdentity.invalid(fault), ack) }
        // A token has said who this is.
        guard authenticator == nil || user == userID else { return refuse(SocketIdentity.mismatch, ack) }
        register(userID, ack, socket)
    }

    private func refuse(_ refusal: SocketIdentity.Refusal, _ ack: SocketIOAck?) {
        refusals.count(refusal.code)
        registrations.count(.invalid)
        ack?([Self.answer(error: refusal.message)])
    }

    func disconnected(_ socket: SocketIOSocket, reason: String) {
        expiry.forget(socket)
        requests.cancel(socket)
        if let userID = sockets.withLock({ $0.remove(ObjectIdentifier(socket)) }) {
            updates.leave(userID, socket)
        }
        logger.debug("disconnected", metadata: ["socket": "\(socket.id)", "reason": "\(reason)"])
    }

    /// Moves the socket to the room of a user; a socket has one user at most.
    private func register(_ userID: String, _ ack: SocketIOAck?, _ socket: SocketIOSocket) {
        switch sockets.withLock({ $0.assign(userID, to: ObjectIdentifier(socket)) }) {
        case .full: return refuse(SocketIdentity.tooMany, ack)
        case .unchanged:
            registrations.count(.answered)
            ack?([Self.answer(userID: userID)])
            return
        case .assigned(let earlier?):
            socket.leave(Self.room(earlier))
            updates.leave(earlier, socket)
        case .assigned(nil): break
        }
        updates.join(userID, socket, limit: Self.subscriptionLimit).assumeIsolated()
            .whenSuccess { [self] arrival in
                // The socket may have left, or moved on, meanwhile.
                guard sockets.withLock({ $0.user(of: ObjectIdentifier(socket)) }) == userID else {
                    registrations.count(.invalid)
                    ack?([Self.answer(error: "Another user was registered meanwhile.")])
                    return
                }
                socket.join(Self.room(userID))
                registrations.count(.answered)
                ack?([Self.answer(userID: userID)])
                if let arrival,
                    let event = recovery.registered(userID, at: arrival.position, namespace: namespace)
                {
                    socket.emit(event)
                }
            }
    }

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
