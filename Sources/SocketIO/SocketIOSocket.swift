public import NIOCore

/// One client in one namespace. Its methods are for its event loop only.
public final class SocketIOSocket: Sendable {
    public let namespace: String
    private let state: NIOLoopBound<State>

    private final class State {
        var id: String
        /// Nil when the client has left.
        var connection: SocketIOConnection?
        let rooms: RoomShard
        var joined: Set<String> = []

        init(id: String, connection: SocketIOConnection, rooms: RoomShard) {
            self.id = id
            self.connection = connection
            self.rooms = rooms
        }
    }

    init(id: String, namespace: String, connection: SocketIOConnection, rooms: RoomShard) {
        self.namespace = namespace
        state = NIOLoopBound(
            State(id: id, connection: connection, rooms: rooms), eventLoop: connection.eventLoop)
    }

    public var eventLoop: any EventLoop { state.eventLoop }

    /// The Socket.IO id, which is not the secret id of the session under it. Final when the socket is connected: one
    /// that recovers a connection goes on with that one's id.
    public internal(set) var id: String {
        get { state.value.id }
        set { state.value.id = newValue }
    }

    public func join(_ room: String) {
        guard state.value.joined.insert(room).inserted else { return }
        state.value.rooms.join(self, room)
    }

    public func leave(_ room: String) {
        guard state.value.joined.remove(room) != nil else { return }
        state.value.rooms.leave(self, room)
    }

    /// Sends an event; nothing happens when the client is not, or no longer, in the namespace.
    public func emit(_ event: EncodedEvent) { state.value.connection?.send(event) }

    /// Sends an event that the client should have had earlier, as it takes it, and what is emitted later behind it.
    func emitMissed(_ event: EncodedEvent) { state.value.connection?.sendMissed([event], in: namespace) }

    /// Sends an event that the client is to acknowledge. The future fails with a ``SocketIOAckError``.
    public func emitWithAck(
        _ name: String, arguments: [ByteBuffer], attachments: [ByteBuffer] = [], timeout: TimeAmount
    ) -> EventLoopFuture<SocketIOAnswer> {
        guard let connection = state.value.connection else {
            return eventLoop.makeFailedFuture(SocketIOAckError.disconnected)
        }
        return connection.ask(namespace, name, arguments, attachments, timeout: timeout)
    }

    /// Puts the client out of the namespace; the official client does not reconnect by itself after this.
    public func disconnect() { state.value.connection?.disconnect(namespace) }

    /// Broadcasts to the namespace reach it from now on.
    func enter() { state.value.rooms.enter(self) }

    /// The client has left.
    func ended() {
        let state = state.value
        for room in state.joined { state.rooms.leave(self, room) }
        state.joined = []
        state.rooms.exit(self)
        state.connection = nil
    }
}

/// The sockets of one event loop by room.
final class RoomShard {
    private struct Key: Hashable {
        let namespace: String
        let room: String
    }

    /// By object and not by id: a connection that was recovered may for a while have the id of one that is still open.
    private var rooms: [Key: [ObjectIdentifier: SocketIOSocket]] = [:]
    private var namespaces: [String: [ObjectIdentifier: SocketIOSocket]] = [:]

    var socketCount: Int { namespaces.values.reduce(0) { $0 + $1.count } }
    var roomCount: Int { rooms.count }

    func enter(_ socket: SocketIOSocket) {
        namespaces[socket.namespace, default: [:]][ObjectIdentifier(socket)] = socket
    }

    func exit(_ socket: SocketIOSocket) { namespaces[socket.namespace]?[ObjectIdentifier(socket)] = nil }

    func sockets(in namespace: String) -> [ObjectIdentifier: SocketIOSocket] { namespaces[namespace] ?? [:] }

    func sockets(in namespace: String, room: String) -> [ObjectIdentifier: SocketIOSocket] {
        rooms[Key(namespace: namespace, room: room)] ?? [:]
    }

    func join(_ socket: SocketIOSocket, _ room: String) {
        rooms[Key(namespace: socket.namespace, room: room), default: [:]][
            ObjectIdentifier(socket)] = socket
    }

    func leave(_ socket: SocketIOSocket, _ room: String) {
        let key = Key(namespace: socket.namespace, room: room)
        rooms[key]?[ObjectIdentifier(socket)] = nil
        if rooms[key]?.isEmpty == true { rooms[key] = nil }
    }

    func emit(_ event: EncodedEvent, to room: String, isMissed: Bool) {
        // A copy: a slow client that is closed by this leaves the room meanwhile.
        for socket in sockets(in: event.namespace, room: room).values {
            if isMissed { socket.emitMissed(event) } else { socket.emit(event) }
        }
    }
}

/// Answers one event of a client that asked for an acknowledgement.
public struct SocketIOAck: Sendable {
    let namespace: String
    let id: Int
    let connection: NIOLoopBound<SocketIOConnection>

    /// - Parameter arguments: raw JSON values; `attachments` as for ``EncodedEvent``.
    public func callAsFunction(_ arguments: [ByteBuffer], attachments: [ByteBuffer] = []) {
        let text = SocketPacketWriter.ack(
            namespace, id: id, arguments: arguments, attachments: attachments.count)
        connection.value.send(.message(text, with: attachments), in: namespace)
    }
}
