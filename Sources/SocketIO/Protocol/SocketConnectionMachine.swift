import NIOCore
import RawJSON

/// The Socket.IO side of one session: its namespaces, and the binary packet that is being put together.
///
/// It does no I/O: messages, decisions and time in, actions out.
struct SocketConnectionMachine {
    enum Action: Equatable {
        case send(ByteBuffer)
        /// A client asks to join a namespace; the answer comes by ``decided(_:_:socketID:)``.
        case connect(namespace: String, auth: ByteBuffer?)
        case connected(namespace: String)
        case event(Event)
        /// The client's answer to an event of this side; it may be to none that was sent.
        case acknowledged(namespace: String, id: Int, SocketIOAnswer)
        /// Also for a namespace that was asked for and not decided on yet.
        case disconnected(namespace: String, reason: String)
        case close(EngineCloseReason)
    }

    struct Event: Equatable, Sendable {
        let namespace: String
        let name: String
        /// Without the name.
        let arguments: [JSONValue]
        let attachments: [ByteBuffer]
        let ackID: Int?
    }

    private enum Membership: Equatable { case deciding, joined }

    private struct Partial {
        let packet: SocketPacket
        let expected: Int
        var attachments: [ByteBuffer] = []
    }

    /// CONNECTs that one connection may send, since each makes work for the application, also where it is refused.
    static let mostConnects: UInt8 = 100

    private var namespaces: [String: Membership] = [:]
    private var connects: UInt8 = 0
    private var partial: Partial?
    private var hasJoinedOnce = false
    private let connectBy: NIODeadline
    private var isClosed = false

    init(connectTimeout: TimeAmount, now: NIODeadline) { connectBy = now + connectTimeout }

    /// When a client that has joined nothing is closed.
    var nextWakeUp: NIODeadline? { hasJoinedOnce || isClosed ? nil : connectBy }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        guard let deadline = nextWakeUp, now >= deadline else { return [] }
        return close(.forcedClose)
    }

    mutating func received(_ message: WebSocketMessage) -> [Action] {
        guard !isClosed else { return [] }
        switch message {
        case .text(let text):
            guard partial == nil, let packet = try? SocketPacket(text) else { return close(.parseError) }
            return received(packet)
        case .binary(let data):
            guard var partial else { return close(.parseError) }
            partial.attachments.append(data)
            guard partial.attachments.count == partial.expected else {
                self.partial = partial
                return []
            }
            self.partial = nil
            return complete(partial.packet, partial.attachments)
        }
    }

    private mutating func received(_ packet: SocketPacket) -> [Action] {
        switch packet {
        case .connect(let namespace, let auth):
            // A second CONNECT for a namespace is a fault of the client.
            guard namespaces[namespace] == nil else { return close(.parseError) }
            guard connects < Self.mostConnects else { return close(.forcedClose) }
            connects += 1
            namespaces[namespace] = .deciding
            return [.connect(namespace: namespace, auth: auth)]
        case .disconnect(let namespace):
            guard namespaces.removeValue(forKey: namespace) != nil else { return [] }
            return [.disconnected(namespace: namespace, reason: "client namespace disconnect")]
        case .connectError: return close(.parseError)
        case .event(let namespace, _, _, let attachments), .ack(let namespace, _, _, let attachments):
            guard namespaces[namespace] == .joined else { return close(.parseError) }
            guard attachments > 0 else { return complete(packet, []) }
            partial = Partial(packet: packet, expected: attachments)
            return []
        }
    }

    private func complete(_ packet: SocketPacket, _ attachments: [ByteBuffer]) -> [Action] {
        switch packet {
        case .event(let namespace, let id, let arguments, _):
            guard let name = arguments.first else { return [] }
            return [
                .event(
                    Event(
                        namespace: namespace, name: name.string ?? String(buffer: name.text),
                        arguments: Array(arguments.dropFirst()), attachments: attachments, ackID: id))
            ]
        case .ack(let namespace, let id, let arguments, _):
            return [
                .acknowledged(
                    namespace: namespace, id: id,
                    SocketIOAnswer(arguments: arguments, attachments: attachments))
            ]
        case .connect, .disconnect, .connectError: return []
        }
    }

    /// The application's answer to `connect`; nil accepts.
    mutating func decided(
        _ namespace: String, refusal: (message: String, data: ByteBuffer?)?, socketID: String,
        privateID: String? = nil
    ) -> [Action] {
        guard !isClosed, namespaces[namespace] == .deciding else { return [] }
        if let refusal {
            namespaces[namespace] = nil
            return [
                .send(
                    SocketPacketWriter.connectError(namespace, message: refusal.message, data: refusal.data))
            ]
        }
        namespaces[namespace] = .joined
        hasJoinedOnce = true
        return [
            .send(SocketPacketWriter.connected(namespace, socketID: socketID, privateID: privateID)),
            .connected(namespace: namespace),
        ]
    }

    /// Puts a client out of a namespace; the official client does not come back by itself after this.
    mutating func disconnect(_ namespace: String) -> [Action] {
        guard namespaces.removeValue(forKey: namespace) == .joined else { return [] }
        return [
            .send(SocketPacketWriter.disconnect(namespace)),
            .disconnected(namespace: namespace, reason: "server namespace disconnect"),
        ]
    }

    func isJoined(_ namespace: String) -> Bool { namespaces[namespace] == .joined }

    private mutating func close(_ reason: EngineCloseReason) -> [Action] {
        [.close(reason)] + sessionClosed(reason)
    }

    /// The session under this is gone: every namespace of it as well.
    mutating func sessionClosed(_ reason: EngineCloseReason) -> [Action] {
        guard !isClosed else { return [] }
        isClosed = true
        partial = nil
        defer { namespaces = [:] }
        return namespaces.keys.sorted().map {
            .disconnected(namespace: $0, reason: reason.rawValue)
        }
    }
}
