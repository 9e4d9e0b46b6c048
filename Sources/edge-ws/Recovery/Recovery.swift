import Crypto
import Foundation
import NIOCore
import RawJSON
import Shared
import SocketIO
import Synchronization

/// Socket.IO's connection state recovery: what clients are told to come back with, and what they claim when they do.
final class Recovery: Sendable {
    /// A connection that a client wants to go on with.
    struct Claim: Equatable, Sendable {
        /// As the client sent it, since it compares what it gets back.
        let text: String
        let socketID: String
        let userID: String?
        /// The last update that the client has had.
        let position: StreamID
    }

    /// Time that a missed update may have waited; zero: nobody recovers.
    let window: Duration
    private let key = Mutex<SymmetricKey?>(nil)

    init(window: Duration) { self.window = window }

    var isEnabled: Bool { window > .zero }

    /// The key that all replicas share; until it is known, connections cannot be recovered.
    func use(_ key: SymmetricKey) { self.key.withLock { $0 = key } }

    /// The `pid` for a new connection; nil when it could not be recovered.
    func issue(socketID: String, userID: String?, position: StreamID) -> String? {
        guard isEnabled, let key = key.withLock({ $0 }) else { return nil }
        return PrivateID(socketID: socketID, userID: userID, position: position).signed(with: key)
    }

    /// Whether a connection that is to be recovered has to wait: the key is not known yet.
    func mustWait(for auth: ByteBuffer?) -> Bool {
        guard isEnabled, !hasKey, let auth else { return false }
        return (try? RawJSON.object(auth))?["pid"] != nil
    }

    var hasKey: Bool { key.withLock { $0 != nil } }

    /// What the payload of CONNECT (`{"pid":…,"offset":…}`) claims; nil when it is nothing that can be gone on with.
    ///
    /// - Parameter userID: the user that the client names now. A connection that was made for another is not theirs.
    func claim(_ auth: ByteBuffer?, userID: String?) -> Claim? {
        guard isEnabled, let key = key.withLock({ $0 }), let auth, let members = try? RawJSON.object(auth),
            let text = members["pid"]?.string, let privateID = PrivateID(text, key: key),
            privateID.userID == userID
        else { return nil }
        func claim(_ owner: String?, _ position: StreamID) -> Claim {
            Claim(text: text, socketID: privateID.socketID, userID: owner, position: position)
        }
        guard let given = members["offset"] else { return claim(userID, privateID.position) }
        // With an offset that cannot be read, what the client has had cannot be told.
        guard let offset = given.string.flatMap({ UpdateOffset($0) }) else { return nil }
        // Offsets are not signed, so one may name a user only where `register-user` might as well.
        guard let userID else { return claim(offset.userID, offset.id) }
        // It may be older than the connection: a client keeps it when it could not recover.
        return offset.userID == userID ? claim(userID, max(privateID.position, offset.id)) : nil
    }

    /// An update as clients get it; while connections can be recovered, with its offset as the last argument.
    ///
    /// - Parameter trace: what the client is told of the update's trace, before the offset.
    func event(
        _ update: UserUpdate, of userID: String, namespace: String, trace: TraceContext? = nil
    ) -> EncodedEvent {
        var arguments = [update.data]
        if let trace { arguments.append(ByteBuffer(string: "{\"traceparent\":\"\(trace.parent)\"}")) }
        if isEnabled { arguments.append(Self.offset(UpdateOffset(id: update.id, userID: userID))) }
        return EncodedEvent(namespace: namespace, name: update.event, arguments: arguments)
    }

    /// Tells a socket that has got its user after it was connected from where on its updates come: without an offset it
    /// could not recover before the first update.
    func registered(_ userID: String, at position: StreamID, namespace: String) -> EncodedEvent? {
        guard isEnabled else { return nil }
        var user = ByteBuffer(string: "{\"userId\":")
        user.writeJSONString(userID)
        user.writeStaticString("}")
        return EncodedEvent(
            namespace: namespace, name: "user-registered",
            arguments: [user, Self.offset(UpdateOffset(id: position, userID: userID))])
    }

    private static func offset(_ offset: UpdateOffset) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeJSONString(offset.description)
        return buffer
    }

    /// The oldest time (ms since 1970) that a missed update may be of.
    func oldest(now: Int64) -> UInt64 { UInt64(max(0, now - window.milliseconds)) }
}
