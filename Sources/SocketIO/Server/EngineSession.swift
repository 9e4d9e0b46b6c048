public import NIOCore
import NIOHTTP1

/// What is spoken over an Engine.IO session: Socket.IO, for one. All calls come on the session's event loop.
public protocol EngineIOApplication: AnyObject {
    /// When ``tick(_:)`` is due next; asked after each call.
    var nextWakeUp: NIODeadline? { get }
    func received(_ message: WebSocketMessage)
    func tick(_ now: NIODeadline)
    /// The session is over; nothing can be sent any more.
    func closed(_ reason: EngineCloseReason)
}

/// One session of Engine.IO on its event loop: performs the actions of its machine.
public final class EngineSession: Timed {
    let sid: String
    let handshake: Handshake
    let loop: EngineLoop
    private unowned let server: EngineIOServer
    private var machine: EngineSessionMachine
    /// Owns the session as well, until that is closed.
    private var application: (any EngineIOApplication)?
    private var waitingPoll: HTTPExchange?
    private var link: WebSocketLink?
    private var candidate: WebSocketLink?
    /// As the server counts it.
    private var isOnWebSocket: Bool

    init(
        sid: String, handshake: Handshake, link: WebSocketLink?, server: EngineIOServer, loop: EngineLoop
    ) {
        self.sid = sid
        self.handshake = handshake
        self.link = link
        isOnWebSocket = link != nil
        self.server = server
        self.loop = loop
        let configuration = server.configuration
        machine = EngineSessionMachine(
            isWebSocket: link != nil, timing: configuration.timing, queueLimit: configuration.bufferLimit,
            missedLimit: configuration.missedLimit, now: .now())
    }

    var eventLoop: any EventLoop { loop.eventLoop }
    /// Bytes that have not gone to the client's connection yet.
    var waitingBytes: Int { machine.waitingBytes }
    var webSocket: WebSocketLink? { link }

    func start(_ application: any EngineIOApplication) {
        self.application = application
        if link != nil { write(ByteBuffer(webSocketFramesOf: [openPacket])) }
        scheduleWakeUp()
    }

    /// The handshake: exactly these keys, since clients of the official suites compare them.
    var openPacket: EnginePacket {
        let configuration = server.configuration
        let upgrades = machine.isWebSocket ? "[]" : "[\"websocket\"]"
        return .open(
            ByteBuffer(
                string: "{\"sid\":\"\(sid)\",\"upgrades\":\(upgrades),"
                    + "\"pingInterval\":\(configuration.pingInterval.milliseconds),"
                    + "\"pingTimeout\":\(configuration.pingTimeout.milliseconds),"
                    + "\"maxPayload\":\(configuration.maxPayload)}"))
    }

    // MARK: - From the client

    func polled(_ exchange: HTTPExchange) {
        let actions = machine.polled(.now())
        if !actions.contains(.refuse) { waitingPoll = exchange }
        perform(actions, for: exchange)
    }

    /// The connection of a waiting GET is gone.
    func pollAborted(on channel: any Channel) {
        guard waitingPoll?.channel === channel else { return }
        waitingPoll = nil
        perform(machine.pollAborted())
    }

    func posted(_ body: ByteBuffer, _ exchange: HTTPExchange) {
        perform(machine.posted(body, .now()), for: exchange)
    }

    /// A POST of a kind that is not taken ends the session.
    func postRefused() { perform(machine.transportEnded(.transportError)) }

    /// Whether a WebSocket that names this session may try to become its transport.
    func candidateArrived() -> Bool { machine.candidateArrived(.now()) }

    func candidateOpened(_ link: WebSocketLink) {
        candidate = link
        scheduleWakeUp()
    }

    func received(_ event: WebSocketEvent, from link: WebSocketLink) {
        if self.link == link {
            switch event {
            case .message(let message): perform(machine.webSocketSent(EnginePacket(message), .now()))
            case .gone(let reason):
                self.link = nil
                perform(machine.transportEnded(reason))
            }
        } else if candidate == link {
            switch event {
            case .message(let message): perform(machine.candidateSent(EnginePacket(message)))
            case .gone:
                candidate = nil
                machine.candidateGone()
            }
        }
    }

    // MARK: - From the application

    /// Sends a message as soon as the transport takes it. A client that lets too much pile up is disconnected.
    public func send(_ message: WebSocketMessage) { send([EnginePacket(sending: message)]) }

    func send(_ packets: [EnginePacket]) {
        if machine.sendsAtOnce { return write(ByteBuffer(webSocketFramesOf: packets)) }
        perform(machine.send(packets))
    }

    func send(_ event: EncodedEvent) {
        if machine.sendsAtOnce { return write(event.frames) }
        perform(machine.send(event.packets))
    }

    /// Sends what the client was away for as it takes it; what is sent later comes behind that.
    func sendMissed(_ packets: [EnginePacket]) { perform(machine.send(packets, isMissed: true)) }

    /// Closes the transport, and with it the session.
    func close(_ reason: EngineCloseReason) { perform(machine.close(from: .now(), reason)) }

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
            case .send(let packets): write(ByteBuffer(webSocketFramesOf: packets))
            case .sendPortion(let packets):
                let written = link?.channel.eventLoop.makePromise(of: Void.self)
                // A connection that fails is about to end the session.
                written?.futureResult.hop(to: eventLoop).assumeIsolated().whenSuccess {
                    self.perform(self.machine.portionSent())
                }
                write(ByteBuffer(webSocketFramesOf: packets), written)
            case .sendCandidate(let packet): candidate?.send([packet])
            case .adoptCandidate:
                link = candidate
                candidate = nil
                isOnWebSocket = true
                server.upgraded()
            case .closeCandidate:
                candidate?.close()
                candidate = nil
            case .closeWebSocket: link?.close()
            case .deliver(let message): application?.received(message)
            case .closed(let reason):
                let application = application
                self.application = nil
                application?.closed(reason)
                server.sessionEnded(reason, onWebSocket: isOnWebSocket)
            }
        }
        scheduleWakeUp()
    }

    private func write(_ frames: ByteBuffer, _ promise: EventLoopPromise<Void>? = nil) {
        guard let link, link.isWritable else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            if link != nil { perform(machine.close(from: .now(), .slowConsumer)) }
            return
        }
        link.write(frames, promise)
        loop.flushSoon(link.channel)
    }

    // MARK: - Time

    func scheduleWakeUp() {
        guard !machine.isClosed else {
            loop.cancel(self)
            return server.forget(sid)
        }
        if let next = nextWakeUp { loop.schedule(self, at: next) }
    }

    private var nextWakeUp: NIODeadline? {
        guard let next = application?.nextWakeUp else { return machine.nextWakeUp }
        return min(next, machine.nextWakeUp ?? next)
    }

    func wakeUp(_ now: NIODeadline) -> NIODeadline? {
        perform(machine.tick(now))
        application?.tick(now)
        return machine.isClosed ? nil : nextWakeUp
    }
}

extension TimeAmount {
    fileprivate var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
