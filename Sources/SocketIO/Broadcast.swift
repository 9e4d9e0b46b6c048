public import NIOCore

/// Whom an event is for, among the sockets of its namespace.
public struct Audience: Sendable, Equatable {
    /// The sockets that are in at least one of these; none: every socket.
    public var rooms: Set<String>
    /// Of those, the ones that are in none of these.
    public var except: Set<String>

    public init(rooms: Set<String> = [], except: Set<String> = []) {
        self.rooms = rooms
        self.except = except
    }
}

extension SocketIOServer {
    /// Sends an event to every socket here that belongs to an audience, to each of them once.
    public func emit(_ event: EncodedEvent, to audience: Audience) {
        onEachLoop { $0.emit(event, to: audience) }
    }

    /// The same for the sockets of one event loop, at once, on that loop.
    public func emit(_ event: EncodedEvent, to audience: Audience, on eventLoop: any EventLoop) {
        shared.shards[ObjectIdentifier(eventLoop)]?.value.emit(event, to: audience)
    }
}

extension RoomShard {
    func emit(_ event: EncodedEvent, to audience: Audience) {
        // Collected before the first is sent: a slow client that is closed by this leaves its rooms.
        for socket in sockets(of: audience, in: event.namespace) { socket.emit(event) }
    }

    /// Each socket of an audience once.
    func sockets(of audience: Audience, in namespace: String) -> some Collection<SocketIOSocket> {
        var chosen = audience.rooms.isEmpty ? sockets(in: namespace) : [:]
        for room in audience.rooms {
            chosen.merge(sockets(in: namespace, room: room)) { first, _ in first }
        }
        for room in audience.except {
            for excluded in sockets(in: namespace, room: room).keys { chosen[excluded] = nil }
        }
        return chosen.values
    }
}

extension EncodedEvent {
    /// Clients' parsers take no more in one packet, and close the connection.
    public static var maxAttachments: Int { SocketPacket.maxAttachments }

    /// Whether the protocol keeps a name for itself; clients close the connection at an event of such a name.
    public static func isReserved(_ name: String) -> Bool { SocketPacket.reservedEvents.contains(name) }
}
