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
    static let registerEvent = "register-user"

    private let updates: UpdateFanout
    private let logger: Logger
    /// Users by socket.
    private let users = Mutex<[String: String]>([:])

    init(updates: UpdateFanout, logger: Logger) {
        self.updates = updates
        self.logger = logger
    }

    static func room(_ userID: String) -> String { "user:\(userID)" }

    func connect(
        _ request: ConnectRequest, socket: SocketIOSocket
    ) -> EventLoopFuture<ConnectDecision> {
        // An empty one is a page's that does not know its user yet.
        guard let userID = request.query("userId"), !userID.isEmpty else {
            return socket.eventLoop.makeSucceededFuture(.accept(Admission()))
        }
        guard UserID.isValid(userID) else {
            return socket.eventLoop.makeSucceededFuture(
                .refuse(message: Self.tooLong, data: nil))
        }
        return register(userID, socket).map { .accept(Admission()) }
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
        register(userID, socket).hop(to: socket.eventLoop).whenSuccess { ack?([Self.answer(userID: userID)]) }
    }

    func disconnected(_ socket: SocketIOSocket, reason: String) {
        if let userID = users.withLock({ $0.removeValue(forKey: socket.id) }) { updates.leave(userID) }
        logger.debug("disconnected", metadata: ["socket": "\(socket.id)", "reason": "\(reason)"])
    }

    /// Moves the socket to the room of a user; a socket has one user at most.
    private func register(_ userID: String, _ socket: SocketIOSocket) -> EventLoopFuture<Void> {
        let earlier = users.withLock { $0.updateValue(userID, forKey: socket.id) }
        if let earlier {
            guard earlier != userID else { return socket.eventLoop.makeSucceededVoidFuture() }
            socket.leave(Self.room(earlier))
            updates.leave(earlier)
        }
        socket.join(Self.room(userID))
        return updates.join(userID, limit: Self.subscriptionLimit)
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
