import NIOCore
import NIOHTTP1

/// One session on its event loop: performs the actions of both machines.
final class EngineSession {
    /// What is known of the client since its handshake.
    struct Handshake: Sendable {
        let query: [(name: String, value: String)]
        let headers: [(name: String, value: String)]
        let remoteAddress: String?
    }

    let sid: String
    let handshake: Handshake
    let eventLoop: any EventLoop
    private weak var server: SocketIOServer?
    private var engine: EngineSessionMachine
    private var connection: SocketConnectionMachine
    private var waitingPoll: HTTPExchange?
    private var link: WebSocketLink?
    private var candidate: WebSocketLink?
    private var sockets: [String: SocketIOSocket] = [:]
    private var wakeUp: (deadline: NIODeadline, task: Scheduled<Void>)?

    init(
        sid: String, handshake: Handshake, link: WebSocketLink?, server: SocketIOServer,
        eventLoop: any EventLoop
    ) {
        self.sid = sid
        self.handshake = handshake
        self.link = link
        self.server = server
        self.eventLoop = eventLoop
        let configuration = server.configuration
        let now = NIODeadline.now()
        engine = EngineSessionMachine(
            isWebSocket: link != nil,
            timing: .init(
                pingInterval: configuration.pingInterval, pingTimeout: configuration.pingTimeout,
                upgradeTimeout: configuration.upgradeTimeout),
            queueLimit: configuration.bufferLimit, now: now)
        connection = SocketConnectionMachine(connectTimeout: configuration.connectTimeout, now: now)
    }

    var isWebSocket: Bool { engine.isWebSocket }

    /// The handshake: exactly these keys, since clients of the official suites compare them.
    var openPacket: EnginePacket {
        guard let server else { return .noop }
        let configuration = server.configuration
        let upgrades = isWebSocket ? "[]" : "[\"websocket\"]"
        return .open(
            ByteBuffer(
                string: "{\"sid\":\"\(sid)\",\"upgrades\":\(upgrades),"
                    + "\"pingInterval\":\(configuration.pingInterval.milliseconds),"
                    + "\"pingTimeout\":\(configuration.pingTimeout.milliseconds),"
                    + "\"maxPayload\":\(configuration.maxPayload)}"))
    }

    func start() {
        link?.send([openPacket])
        scheduleWakeUp()
    }

    // MARK: - From the client

    func polled(_ exchange: HTTPExchange) {
        let actions = engine.polled(.now())
        if !actions.contains(.refuse) { waitingPoll = exchange }
        perform(actions, for: exchange)
    }

    /// The connection of a waiting GET is gone.
    func pollAborted(on channel: any Channel) {
        guard waitingPoll?.channel === channel else { return }
        waitingPoll = nil
        perform(engine.pollAborted())
    }

    func posted(_ body: ByteBuffer, _ exchange: HTTPExchange) {
        perform(engine.posted(body, .now()), for: exchange)
    }

    /// A POST that is too large, or of a kind that is not taken, ends the session.
    func postRefused() { perform(engine.transportEnded(.transportError)) }

    /// Whether a WebSocket that names this session may try to become its transport.
    func candidateArrived() -> Bool { engine.candidateArrived(.now()) }

    func candidateOpened(_ link: WebSocketLink) {
        candidate = link
        scheduleWakeUp()
    }

    func received(_ event: WebSocketEvent, from link: WebSocketLink) {
        if let candidate, candidate == link {
            switch event {
            case .packet(let packet?): perform(engine.candidateSent(packet, .now()))
            case .packet(nil):
                perform([.closeCandidate])
                perform(engine.candidateGone())
            case .gone:
                self.candidate = nil
                perform(engine.candidateGone())
            }
        } else if self.link == link {
            switch event {
            case .packet(let packet): perform(engine.webSocketSent(packet, .now()))
            case .gone(let reason):
                self.link = nil
                perform(engine.transportEnded(reason))
            }
        }
    }

    // MARK: - From the application

    func send(_ packets: [EnginePacket]) { perform(engine.send(packets)) }

    func close(_ reason: EngineCloseReason) { perform(engine.close(from: .now(), reason)) }

    func disconnect(_ namespace: String) { perform(connection.disconnect(namespace)) }

    func isJoined(_ namespace: String) -> Bool { connection.isJoined(namespace) }

    // MARK: - Actions

    private func perform(_ actions: [EngineSessionMachine.Action], for exchange: HTTPExchange? = nil) {
        for action in actions {
            switch action {
            case .answerPoll(let packets):
                waitingPoll?.respond(.ok, EnginePayload.encode(packets))
                waitingPoll = nil
            case .refuse: exchange?.fail(.badRequest)
            case .acceptPost:
                exchange?.respond(.ok, contentType: "text/html", ByteBuffer(string: "ok"))
            case .send(let packets): write(packets)
            case .sendCandidate(let packet): candidate?.send([packet])
            case .adoptCandidate:
                link = candidate
                candidate = nil
            case .closeCandidate:
                candidate?.close()
                candidate = nil
            case .closeWebSocket: link?.close()
            case .deliver(let packet): perform(connection.received(packet))
            case .closed(let reason):
                perform(connection.sessionClosed(reason))
                server?.sessionEnded(reason)
            }
        }
        scheduleWakeUp()
    }

    private func write(_ packets: [EnginePacket]) {
        guard let link else { return }
        guard link.isWritable else {
            perform(engine.close(from: .now(), .slowConsumer))
            return
        }
        link.send(packets)
    }

    private func perform(_ actions: [SocketConnectionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let text): send([.message(text)])
            case .connect(let namespace, let auth): connect(namespace, auth)
            case .connected(let namespace):
                if let socket = sockets[namespace] { server?.delegate.connected(socket) }
            case .event(let event): deliver(event)
            case .disconnected(let namespace, let reason):
                guard let socket = sockets.removeValue(forKey: namespace) else { continue }
                end(socket, reason)
            case .close(let reason): perform(engine.close(from: .now(), reason))
            }
        }
    }

    private func connect(_ namespace: String, _ auth: ByteBuffer?) {
        guard let server else { return }
        let socket = SocketIOSocket(
            id: SocketIOServer.randomID(), namespace: namespace, eventLoop: eventLoop, session: self,
            rooms: server.rooms(of: eventLoop))
        guard server.namespaces.contains(namespace) else {
            perform(
                connection.decided(namespace, refusal: ("Invalid namespace", nil), socketID: socket.id))
            return
        }
        sockets[namespace] = socket
        let request = ConnectRequest(
            namespace: namespace, auth: auth, query: handshake.query, headers: handshake.headers,
            remoteAddress: handshake.remoteAddress)
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        server.delegate.connect(request, socket: socket).hop(to: eventLoop).whenComplete { result in
            session.value.decided(socket, result)
        }
    }

    private func decided(_ socket: SocketIOSocket, _ result: Result<ConnectDecision, any Error>) {
        // The client may have left meanwhile.
        guard sockets[socket.namespace] === socket else { return }
        switch result {
        case .success(.accept(let admission)): admit(socket, admission)
        case .success(.postpone): close(.forcedClose)
        case .success(.refuse(let message, let data)):
            refuse(socket, message, data)
        case .failure: refuse(socket, "Internal server error", nil)
        }
    }

    /// In one turn of the loop, so that what is emitted to the rooms later comes after what was missed.
    private func admit(_ socket: SocketIOSocket, _ admission: Admission) {
        if let recovered = admission.recoveredID { socket.id = recovered }
        socket.enter()
        for room in admission.rooms { socket.join(room) }
        perform(
            connection.decided(
                socket.namespace, refusal: nil, socketID: socket.id, privateID: admission.privateID))
        for event in admission.missed { socket.emit(event) }
    }

    private func refuse(_ socket: SocketIOSocket, _ message: String, _ data: ByteBuffer?) {
        sockets[socket.namespace] = nil
        perform(connection.decided(socket.namespace, refusal: (message, data), socketID: socket.id))
    }

    private func end(_ socket: SocketIOSocket, _ reason: String) {
        socket.leaveAll()
        server?.delegate.disconnected(socket, reason: reason)
    }

    private func deliver(_ event: SocketConnectionMachine.Event) {
        guard let socket = sockets[event.namespace], let server else { return }
        let ack = event.ackID.map {
            SocketIOAck(namespace: event.namespace, id: $0, session: NIOLoopBound(self, eventLoop: eventLoop))
        }
        server.delegate.event(
            event.name, arguments: event.arguments, attachments: event.attachments, ack: ack,
            socket: socket)
    }

    private func scheduleWakeUp() {
        guard !engine.isClosed else {
            wakeUp?.task.cancel()
            wakeUp = nil
            server?.forget(sid)
            return
        }
        let next = [engine.nextWakeUp, connection.nextWakeUp].compactMap { $0 }.min()
        guard let next, wakeUp.map({ next < $0.deadline }) ?? true else { return }
        wakeUp?.task.cancel()
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        let task = eventLoop.scheduleTask(deadline: next) {
            session.value.wakeUp = nil
            session.value.perform(session.value.engine.tick(.now()))
            session.value.perform(session.value.connection.tick(.now()))
            session.value.scheduleWakeUp()
        }
        wakeUp = (next, task)
    }
}

extension TimeAmount {
    fileprivate var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
