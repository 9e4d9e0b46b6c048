import NIOCore
import RawJSON

/// Socket.IO over one session: performs the actions of its machine.
final class SocketIOConnection: EngineIOApplication {
    /// Both own each other until the session is closed.
    private var session: EngineSession?
    let eventLoop: any EventLoop
    private let shared: SocketIOServer.Shared
    private var machine: SocketConnectionMachine
    private var sockets: [String: SocketIOSocket] = [:]
    private var acks = PendingAcks<EventLoopPromise<SocketIOAnswer>>()

    init(_ session: EngineSession, _ shared: SocketIOServer.Shared) {
        self.session = session
        self.shared = shared
        eventLoop = session.eventLoop
        machine = SocketConnectionMachine(connectTimeout: shared.connectTimeout, now: .now())
    }

    // MARK: - From the session

    var nextWakeUp: NIODeadline? {
        guard let next = machine.nextWakeUp else { return acks.nextWakeUp }
        return min(next, acks.nextWakeUp ?? next)
    }

    func received(_ message: WebSocketMessage) { perform(machine.received(message)) }

    func tick(_ now: NIODeadline) {
        for promise in acks.expired(now) { promise.fail(SocketIOAckError.timeout) }
        perform(machine.tick(now))
    }

    func closed(_ reason: EngineCloseReason) {
        perform(machine.sessionClosed(reason))
        session = nil
    }

    // MARK: - From the application

    func send(_ event: EncodedEvent) {
        guard machine.isJoined(event.namespace) else { return }
        session?.send(event)
    }

    func sendMissed(_ events: [EncodedEvent], in namespace: String) {
        guard !events.isEmpty, machine.isJoined(namespace) else { return }
        session?.sendMissed(events.flatMap(\.packets))
    }

    func send(_ packets: [EnginePacket], in namespace: String) {
        guard machine.isJoined(namespace) else { return }
        session?.send(packets)
    }

    func disconnect(_ namespace: String) { perform(machine.disconnect(namespace)) }

    /// Sends an event that the client is to acknowledge.
    func ask(
        _ namespace: String, _ name: String, _ arguments: [ByteBuffer], _ attachments: [ByteBuffer],
        timeout: TimeAmount
    ) -> EventLoopFuture<SocketIOAnswer> {
        guard let session, machine.isJoined(namespace) else {
            return eventLoop.makeFailedFuture(SocketIOAckError.disconnected)
        }
        let promise = eventLoop.makePromise(of: SocketIOAnswer.self)
        guard let id = acks.add(promise, in: namespace, until: .now() + timeout) else {
            promise.fail(SocketIOAckError.tooMany)
            return promise.futureResult
        }
        let text = SocketPacketWriter.event(
            namespace, name: name, id: id, arguments: arguments, attachments: attachments.count)
        session.send(.message(text, with: attachments))
        session.scheduleWakeUp()
        return promise.futureResult
    }

    // MARK: - Actions

    private func perform(_ actions: [SocketConnectionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let text): session?.send([.message(text)])
            case .connect(let namespace, let auth): connect(namespace, auth)
            case .connected(let namespace):
                if let socket = sockets[namespace] { shared.delegate.connected(socket) }
            case .event(let event): deliver(event)
            case .acknowledged(let namespace, let id, let answer):
                acks.take(id, in: namespace)?.succeed(answer)
            case .disconnected(let namespace, let reason):
                guard let socket = sockets.removeValue(forKey: namespace) else { continue }
                for promise in acks.left(namespace) { promise.fail(SocketIOAckError.disconnected) }
                socket.ended()
                shared.delegate.disconnected(socket, reason: reason)
            case .close(let reason): session?.close(reason)
            }
        }
    }

    private func connect(_ namespace: String, _ auth: ByteBuffer?) {
        guard let handshake = session?.handshake else { return }
        let socket = SocketIOSocket(
            id: EngineIOServer.randomID(), namespace: namespace, connection: self,
            rooms: shared.rooms(of: eventLoop))
        guard shared.namespaces.contains(namespace) else {
            perform(machine.decided(namespace, refusal: ("Invalid namespace", nil), socketID: socket.id))
            return
        }
        sockets[namespace] = socket
        let request = ConnectRequest(namespace: namespace, auth: auth, handshake: handshake)
        shared.delegate.connect(request, socket: socket).hop(to: eventLoop).assumeIsolated().whenComplete {
            self.decided(socket, $0)
        }
    }

    private func decided(_ socket: SocketIOSocket, _ result: Result<ConnectDecision, any Error>) {
        // The client may have left meanwhile.
        guard sockets[socket.namespace] === socket else { return }
        switch result {
        case .success(.accept(let admission)): admit(socket, admission)
        case .success(.postpone): session?.close(.forcedClose)
        case .success(.refuse(let message, let data)): refuse(socket, message, data)
        case .failure: refuse(socket, "Internal server error", nil)
        }
    }

    /// In one turn of the loop, so that what is emitted to the rooms later comes after what was missed.
    private func admit(_ socket: SocketIOSocket, _ admission: Admission) {
        if let recovered = admission.recoveredID { socket.id = recovered }
        socket.enter()
        for room in admission.rooms { socket.join(room) }
        perform(
            machine.decided(
                socket.namespace, refusal: nil, socketID: socket.id, privateID: admission.privateID))
        sendMissed(admission.missed, in: socket.namespace)
    }

    private func refuse(_ socket: SocketIOSocket, _ message: String, _ data: ByteBuffer?) {
        sockets[socket.namespace] = nil
        socket.ended()
        perform(machine.decided(socket.namespace, refusal: (message, data), socketID: socket.id))
    }

    private func deliver(_ event: SocketConnectionMachine.Event) {
        guard let socket = sockets[event.namespace] else { return }
        let ack = event.ackID.map {
            SocketIOAck(
                namespace: event.namespace, id: $0, connection: NIOLoopBound(self, eventLoop: eventLoop))
        }
        shared.delegate.event(
            event.name, arguments: event.arguments, attachments: event.attachments, ack: ack, socket: socket)
    }
}
