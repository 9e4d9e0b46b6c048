import NIOCore
import RawJSON
import Testing

@testable import SocketIO

@Suite final class BroadcastTests {
    private let shard = RoomShard()
    private let polled = PolledConnection(namespaces: ["/n", "/other"], delegate: Nobody())

    init() {
        for (id, rooms) in [("a", ["1"]), ("b", ["1", "2"]), ("c", ["2"]), ("d", [])] {
            _ = socket(id, rooms)
        }
        _ = socket("x", ["1", "2"], namespace: "/other")
    }

    private func socket(_ id: String, _ rooms: [String], namespace: String = "/n") -> SocketIOSocket {
        let socket = SocketIOSocket(id: id, namespace: namespace, connection: polled.connection, rooms: shard)
        socket.enter()
        for room in rooms { socket.join(room) }
        return socket
    }

    private func reached(_ rooms: Set<String>, except: Set<String> = []) -> String {
        shard.sockets(of: Audience(rooms: rooms, except: except), in: "/n").map(\.id).sorted().joined()
    }

    @Test func noRoomIsTheWholeNamespace() {
        #expect(reached([]) == "abcd")
        #expect(reached([], except: ["1"]) == "cd")
        #expect(reached([], except: ["1", "2", "nobody's"]) == "d")
    }

    @Test func eachSocketOnceWhateverItsRooms() {
        #expect(reached(["1"]) == "ab")
        #expect(reached(["1", "2"]) == "abc")
        #expect(reached(["nobody's"]) == "")
        #expect(reached(["1", "2"], except: ["2"]) == "a")
        #expect(reached(["1"], except: ["1"]) == "")
    }

    @Test func whoHasLeftIsNotReached() {
        let late = socket("e", ["1"])
        #expect(reached([]) == "abcde")
        late.leave("1")
        #expect(reached(["1"]) == "ab")
        late.ended()
        #expect(reached([]) == "abcd")
    }
}

private final class Nobody: SocketIODelegate {
    func connect(
        _ request: ConnectRequest, socket: SocketIOSocket
    ) -> EventLoopFuture<ConnectDecision> {
        socket.eventLoop.makeSucceededFuture(.refuse(message: "nobody", data: nil))
    }
    func connected(_ socket: SocketIOSocket) {}
    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket
    ) {}
    func disconnected(_ socket: SocketIOSocket, reason: String) {}
}
