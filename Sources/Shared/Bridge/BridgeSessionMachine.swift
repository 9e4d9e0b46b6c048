import NIOCore

/// The bridge's side of one connection: handshake, window, the ids in flight, keepalive and drain.
///
/// It does no I/O: frames and time in, actions out.
struct BridgeSessionMachine {
    enum Action: Equatable {
        case send(BridgeMessage)
        /// Flush and close.
        case close
        case requested(BridgeRequest)
        case emitted(BridgeRequest)
        case resumed(BridgeRequestID, timeout: Duration)
        case stoodIn(String)
        case cancelled(BridgeRequestID)
    }

    private enum Phase {
        case handshaking(until: NIODeadline)
        case ready
        case draining
        case closed
    }

    private let welcome: BridgeMessage.Welcome
    private var phase: Phase
    private var keepalive: BridgeKeepalive
    private(set) var inFlight: Set<BridgeRequestID> = []
    /// Who the edge says it is, for logs.
    private(set) var peer = "unknown"

    init(welcome: BridgeMessage.Welcome, _ now: NIODeadline) {
        self.welcome = welcome
        phase = .handshaking(until: now + BridgeLimits.handshakeTimeout)
        keepalive = BridgeKeepalive(now: now)
    }

    /// The earliest time at which ``tick(_:)`` has something to do.
    var nextWakeUp: NIODeadline? {
        switch phase {
        case .handshaking(let until): until
        case .ready, .draining: keepalive.next
        case .closed: nil
        }
    }

    // MARK: - From the edge

    mutating func received(_ message: BridgeMessage, _ now: NIODeadline) -> [Action] {
        keepalive.didReceive(now)
        switch (phase, message) {
        case (.closed, _): return []
        case (.handshaking, .hello(let hello)): return greeted(hello, now)
        case (.handshaking, .error), (.ready, .error), (.draining, .error): return close()
        case (.handshaking, _): return violation("\(message.name) before hello")
        case (.ready, .request(let request)): return begin(request, .requested(request), now)
        case (.ready, .emit(let request)): return begin(request, .emitted(request), now)
        case (.draining, .request(let request)), (.draining, .emit(let request)):
            let failure = BridgeFailure(.draining, message: "the bridge is shutting down", retryAfter: 1)
            return send(.failure(id: request.id, failure), now)
        case (.ready, .resume(let requests, let source)), (.draining, .resume(let requests, let source)):
            return resume(requests, from: source)
        case (.ready, .cancel(let id, _)), (.draining, .cancel(let id, _)):
            // An answer may have crossed the cancel, so an unknown id is no fault, and the answer was not taken.
            inFlight.remove(id)
            return [.cancelled(id)]
        case (.ready, .ping), (.draining, .ping): return send(.pong, now)
        case (.ready, .pong), (.draining, .pong): return []
        case (.ready, .hello), (.draining, .hello): return violation("a second hello")
        case (_, .welcome), (_, .reply), (_, .failure), (_, .accepted), (_, .goaway):
            return violation("\(message.name) from an edge")
        }
    }

    /// The bytes that came are not the protocol, or the peer may not speak to us.
    mutating func violated(_ error: BridgeProtocolError) -> [Action] {
        if case .closed = phase { return [] }
        return [.send(.error(code: error.code.rawValue, message: error.message))] + close()
    }

    private mutating func greeted(_ hello: BridgeMessage.Hello, _ now: NIODeadline) -> [Action] {
        guard hello.versions.contains(welcome.version) else {
            return violated(
                BridgeProtocolError(.unsupportedVersion, "this bridge speaks version \(welcome.version)"))
        }
        peer = "\(hello.role)/\(hello.instance)"
        phase = .ready
        return send(.welcome(welcome), now)
    }

    private mutating func begin(_ request: BridgeRequest, _ action: Action, _ now: NIODeadline) -> [Action] {
        guard inFlight.count < welcome.window else {
            let failure = BridgeFailure(
                .windowExceeded, message: "\(welcome.window) requests are in flight", retryAfter: 1)
            return send(.failure(id: request.id, failure), now)
        }
        // A failure for this id would end the request that already has it.
        guard inFlight.insert(request.id).inserted else { return violation("id \(request.id) is in flight") }
        return [action]
    }

    private mutating func resume(_ requests: [BridgeMessage.Resume], from source: String?) -> [Action] {
        guard inFlight.count + requests.count <= welcome.window else {
            return violation("more requests are resumed than the window holds")
        }
        var actions: [Action] = []
        for request in requests where inFlight.insert(request.id).inserted {
            actions.append(.resumed(request.id, timeout: .milliseconds(request.timeout)))
        }
        // After them, so that none of their replies is read before it is waited for.
        return actions + (source.map { [.stoodIn($0)] } ?? [])
    }

    private mutating func violation(_ what: String) -> [Action] {
        violated(BridgeProtocolError(.protocolViolation, what))
    }

    private mutating func close() -> [Action] {
        phase = .closed
        return [.close]
    }

    // MARK: - From the bridge

    /// An answer to a request; one for an id that is not in flight here goes nowhere.
    mutating func answer(
        _ id: BridgeRequestID, final: Bool, _ answer: BridgeMessage.Answer, _ now: NIODeadline
    ) -> [Action] {
        finish(id, keep: !final, .reply(id: id, final: final, answer), now)
    }

    mutating func fail(_ id: BridgeRequestID, _ failure: BridgeFailure, _ now: NIODeadline) -> [Action] {
        finish(id, keep: false, .failure(id: id, failure), now)
    }

    mutating func accept(_ id: BridgeRequestID, _ now: NIODeadline) -> [Action] {
        finish(id, keep: false, .accepted(id: id), now)
    }

    private mutating func finish(
        _ id: BridgeRequestID, keep: Bool, _ message: BridgeMessage, _ now: NIODeadline
    ) -> [Action] {
        guard inFlight.contains(id) else { return [] }
        if !keep { inFlight.remove(id) }
        return send(message, now)
    }

    /// Takes no further requests; those in flight go on.
    mutating func drain(_ reason: String, _ now: NIODeadline) -> [Action] {
        switch phase {
        case .handshaking: return close()
        case .ready:
            phase = .draining
            return send(.goaway(reason: reason), now)
        case .draining, .closed: return []
        }
    }

    /// The connection is gone.
    mutating func connectionClosed() {
        phase = .closed
        inFlight = []
    }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        switch phase {
        case .closed: return []
        case .handshaking(let until):
            guard now >= until else { return [] }
            return violated(BridgeProtocolError(.handshakeTimeout, "no hello came"))
        case .ready, .draining:
            switch keepalive.verdict(now) {
            case .fine: return []
            case .ping: return send(.ping, now)
            case .dead: return close()
            }
        }
    }

    private mutating func send(_ message: BridgeMessage, _ now: NIODeadline) -> [Action] {
        keepalive.didSend(now)
        return [.send(message)]
    }
}
