public import NIOCore

/// One edge's connection as the bridge sees it: performs the actions of ``BridgeSessionMachine``.
public final class BridgeSession {
    private(set) lazy var handler = BridgeConnectionHandler(maxFrame: configuration.maxFrame) {
        [weak self] event in
        self?.handle(event)
    }
    private let configuration: BridgeServerConfiguration
    private let eventLoop: any EventLoop
    private weak var delegate: (any BridgeServerDelegate)?
    private let ended: (BridgeSession) -> Void
    private var machine: BridgeSessionMachine
    private var wakeUp: Scheduled<Void>?
    /// Frames that came before the peer was known to be allowed.
    private var isTrusted = false
    private var early: [BridgeMessage] = []

    init(
        _ configuration: BridgeServerConfiguration, eventLoop: any EventLoop,
        delegate: any BridgeServerDelegate, ended: @escaping (BridgeSession) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.delegate = delegate
        self.ended = ended
        machine = BridgeSessionMachine(
            welcome: .init(
                version: 1, window: configuration.window, maxFrame: configuration.maxFrame,
                instance: configuration.instance, build: Build.version,
                replySource: configuration.replySource), .now())
    }

    /// Who the edge says it is, such as `edge-http/host-1`; for logs.
    public var peer: String { machine.peer }

    public func reply(_ id: BridgeRequestID, final: Bool, body: ByteBuffer) {
        perform(machine.answer(id, final: final, .body(body), .now()))
    }

    /// The service's error, which ends a request: a JSON object, or a JSON string.
    public func reply(_ id: BridgeRequestID, error: ByteBuffer) {
        perform(machine.answer(id, final: true, .error(error), .now()))
    }

    public func fail(_ id: BridgeRequestID, _ failure: BridgeFailure) {
        perform(machine.fail(id, failure, .now()))
    }

    /// The broker has acknowledged an emitted message.
    public func accept(_ id: BridgeRequestID) { perform(machine.accept(id, .now())) }

    func start() {
        isTrusted = true
        let messages = early
        early = []
        for message in messages { perform(machine.received(message, .now())) }
        scheduleWakeUp()
    }

    func refuse(_ error: BridgeProtocolError) {
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        handler.whenActive { session.value.perform(session.value.machine.violated(error)) }
    }

    func drain(_ reason: String) { perform(machine.drain(reason, .now())) }

    func close() { handler.close() }

    private func handle(_ event: BridgeConnectionHandler.Event) {
        switch event {
        case .message(let message) where isTrusted: perform(machine.received(message, .now()))
        // Only a hello can rightly come this early, so there is no queue to speak of.
        case .message(let message) where early.count < 8: early.append(message)
        case .message: close()
        case .violation(let error): perform(machine.violated(error))
        case .closed:
            wakeUp?.cancel()
            let waiting = machine.inFlight
            machine.connectionClosed()
            delegate?.closed(self, waitingFor: waiting)
            ended(self)
        }
    }

    private func perform(_ actions: [BridgeSessionMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let message): send(message)
            case .close: handler.close()
            case .requested(let request): delegate?.requested(request, by: self)
            case .emitted(let request): delegate?.emitted(request, by: self)
            case .resumed(let id, let timeout): delegate?.resumed(id, timeout: timeout, by: self)
            case .stoodIn(let source): delegate?.stoodIn(for: source)
            case .cancelled(let id): delegate?.cancelled(id, by: self)
            }
        }
    }

    private func send(_ message: BridgeMessage) {
        let bytes = handler.send(message, maxFrame: configuration.maxFrame)
        if bytes > configuration.maxFrame, case .reply(let id, _, _) = message {
            let failure = BridgeFailure(
                .unreadableReply,
                message: "the reply has \(bytes) bytes, \(configuration.maxFrame) is the limit")
            handler.send(.failure(id: id, failure), maxFrame: configuration.maxFrame)
        }
        // An edge that does not read would otherwise grow this process; it resumes when it comes back.
        if !handler.isWritable, handler.bufferedBytes > configuration.bufferLimit { handler.close() }
    }

    private func scheduleWakeUp() {
        wakeUp?.cancel()
        guard let next = machine.nextWakeUp else { return }
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        wakeUp = eventLoop.scheduleTask(deadline: next) {
            session.value.perform(session.value.machine.tick(.now()))
            session.value.scheduleWakeUp()
        }
    }
}
