import NIOCore
import Shared
import SocketIO
import Synchronization

/// Puts sockets out of their namespace when their tokens expire: one timer for each such socket, and none else.
final class TokenExpiry: Sendable {
    /// Longer waits are taken in parts, so that no expiry is too far for a timer.
    static let longestWait: Int64 = 86_400_000

    private struct Entry {
        let expiresAt: Int64
        var timer: Scheduled<Void>?
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    /// Before the socket is connected.
    func note(_ expiresAt: Int64, _ socket: SocketIOSocket) {
        entries.withLock { $0[ObjectIdentifier(socket)] = Entry(expiresAt: expiresAt) }
    }

    /// On the socket's event loop, when it is connected.
    func watch(_ socket: SocketIOSocket) {
        let key = ObjectIdentifier(socket)
        guard let expiresAt = entries.withLock({ $0[key]?.expiresAt }) else { return }
        let left = expiresAt - WallClock.millisecondsSince1970()
        let timer = socket.eventLoop.scheduleTask(in: .milliseconds(max(0, min(left, Self.longestWait)))) {
            if WallClock.millisecondsSince1970() >= expiresAt {
                socket.disconnect()
            } else {
                self.watch(socket)
            }
        }
        entries.withLock { $0[key]?.timer = timer }
    }

    func forget(_ socket: SocketIOSocket) {
        entries.withLock { $0.removeValue(forKey: ObjectIdentifier(socket)) }?.timer?.cancel()
    }
}
