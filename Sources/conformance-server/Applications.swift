import NIOCore
import RawJSON
import SocketIO
import Synchronization

/// Sends back every message of an Engine.IO session.
final class EchoApplication: EngineIOApplication {
    private var session: EngineSession?

    init(_ session: EngineSession) { self.session = session }

    var nextWakeUp: NIODeadline? { nil }

    func received(_ message: WebSocketMessage) { session?.send(message) }

    func tick(_ now: NIODeadline) {}

    func closed(_ reason: EngineCloseReason) { session = nil }
}

/// What the Socket.IO suites expect: each namespace tells the CONNECT payload by `auth`; `/` answers `message` by
/// `message-back`, and `message-with-ack` by its acknowledgement.
final class SuiteApplication: SocketIODelegate {
    /// The payloads of sockets that are about to be connected.
    private let payloads = Mutex<[ObjectIdentifier: ByteBuffer]>([:])

    func connect(_ request: ConnectRequest, socket: SocketIOSocket) -> EventLoopFuture<ConnectDecision> {
        payloads.withLock { $0[ObjectIdentifier(socket)] = request.auth ?? ByteBuffer(string: "{}") }
        return socket.eventLoop.makeSucceededFuture(.accept(Admission()))
    }

    func connected(_ socket: SocketIOSocket) {
        guard let payload = payloads.withLock({ $0.removeValue(forKey: ObjectIdentifier(socket)) }) else {
            return
        }
        socket.emit(EncodedEvent(namespace: socket.namespace, name: "auth", arguments: [payload]))
    }

    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket
    ) {
        guard socket.namespace == "/" else { return }
        let texts = arguments.map(\.text)
        switch name {
        case "message":
            socket.emit(
                EncodedEvent(
                    namespace: socket.namespace, name: "message-back", arguments: texts,
                    attachments: attachments))
        case "message-with-ack": ack?(texts, attachments: attachments)
        default: break
        }
    }

    func disconnected(_ socket: SocketIOSocket, reason: String) {
        payloads.withLock { $0[ObjectIdentifier(socket)] = nil }
    }
}
