import DequeModule
import NIOCore

/// The edge's side of the Unix-socket protocol: the connection with its successors, and the requests that wait.
///
/// It does no I/O: events and time in, actions out. `Waiter` is whoever awaits one request's outcome; each that
/// comes in by ``submit(_:waiter:_:)`` leaves in exactly one `complete`.
struct BridgeEdgeMachine<Waiter> {
    /// Connections are numbered by the order in which they were asked for.
    typealias Connection = Int

    private let hello: BridgeMessage.Hello
    private var choice: BridgeSocketChoice
    private var phase = Phase.stopped
    private var links: [Connection: Link] = [:]
    private var lastConnection: Connection = 0
    /// Where replies come in of what went through the last bridge that welcomed this edge.
    private var lastReplySource: String?
    private(set) var pending: [BridgeRequestID: Pending] = [:]
    private var deadlines = DeadlineQueue<BridgeRequestID>()
    /// Requests whose connection broke and that no connection has resumed yet; may name ids that are gone.
    private var unattached: Deque<BridgeRequestID> = []
    private var problem = "not connected yet"
    /// A bridge has said that it goes, and its successor has neither welcomed this edge nor failed to: requests wait,
    /// at most as many as the last window.
    private var isHandingOver = false
    private(set) var lastWindow = 0
    /// Answers that came when nobody waited for them any more.
    private(set) var lateAnswers = 0

    /// - Parameters:
    ///   - socketCount: how many sockets there are to choose from.
    ///   - jitter: a random number from 0 to 1.
    init(hello: BridgeMessage.Hello, socketCount: Int = 1, jitter: @escaping () -> Double) {
        self.hello = hello
        choice = BridgeSocketChoice(count: socketCount, jitter: jitter)
    }

    /// Nil when a bridge has welcomed this edge; else why not.
    var missing: String? {
        if case .ready = phase { return nil }
        return isHandingOver ? nil : problem
    }

    /// The earliest time at which ``tick(_:)`` has something to do.
    mutating func nextWakeUp() -> NIODeadline? {
        var next = deadlines.next() ?? .distantFuture
        switch phase {
        case .waiting(let until), .handshaking(_, let until): next = min(next, until)
        case .stopped, .connecting, .ready: break
        }
        for link in links.values { next = min(next, link.keepalive.next) }
        return next == .distantFuture ? nil : next
    }

    // MARK: - Requests

    mutating func submit(_ request: BridgeRequest, waiter: Waiter, _ now: NIODeadline) -> [Action] {
        func refuse(_ code: BridgeFailure.Code, _ message: String, retryAfter: Int? = nil) -> [Action] {
            [.complete(waiter, .failure(BridgeFailure(code, message: message, retryAfter: retryAfter)))]
        }
        let deadline = now + .milliseconds(Int64(request.timeout.wholeMilliseconds))
        if isHandingOver {
            guard pending[request.id] == nil else { return refuse(.duplicateID, "id is in use") }
            guard unattached.count < lastWindow else {
                return refuse(.windowExceeded, "\(lastWindow) requests are in flight", retryAfter: 1)
            }
            pending[request.id] = Pending(
                request: request, waiter: waiter, since: now, deadline: deadline, isUnsent: true)
            deadlines.insert(request.id, at: deadline)
            unattached.append(request.id)
            return []
        }
        guard case .ready(let connection) = phase, var link = links[connection] else {
            // The reason names paths of this host, so it stays in the log and in the readiness.
            return [.complete(waiter, .failure(Self.bridgeAway))]
        }
        guard pending[request.id] == nil else { return refuse(.duplicateID, "id is in use") }
        guard link.inFlight < link.window, unattached.isEmpty else {
            return refuse(.windowExceeded, "\(link.window) requests are in flight", retryAfter: 1)
        }
        pending[request.id] = Pending(
            request: request, waiter: waiter, since: now, deadline: deadline, connection: connection,
            replySource: link.replySource)
        deadlines.insert(request.id, at: deadline)
        link.inFlight += 1
        link.keepalive.didSend(now)
        links[connection] = link
        return [.send(connection, .request(request))]
    }

    /// The caller of a request has gone.
    mutating func cancel(_ id: BridgeRequestID, _ now: NIODeadline) -> [Action] {
        let failure = BridgeFailure(.clientGone, message: "the caller gave up")
        return abandon(id, reason: .clientGone, outcome: .failure(failure), now)
    }

    /// A request could not be written because its frame is longer than the bridge takes.
    mutating func frameRefused(_ id: BridgeRequestID, bytes: Int, _ now: NIODeadline) -> [Action] {
        finish(id, .failure(BridgeFailure(.tooLarge, message: "the frame would have \(bytes) bytes")), now)
    }

    /// Ends a request before its answer and tells the bridge.
    private mutating func abandon(
        _ id: BridgeRequestID, reason: BridgeMessage.CancelReason, outcome: BridgeOutcome, _ now: NIODeadline
    ) -> [Action] {
        guard let entry = pending[id] else { return [] }
        var actions: [Action] = []
        if let connection = entry.connection { actions = send(connection, .cancel(id: id, reason), now) }
        return actions + finish(id, outcome, now)
    }

    /// Completes a request and gives its credit back.
    private mutating func finish(
        _ id: BridgeRequestID, _ outcome: BridgeOutcome, _ now: NIODeadline
    ) -> [Action] {
        guard let entry = pending.removeValue(forKey: id) else { return [] }
        deadlines.remove(id)
        var actions: [Action] = [.complete(entry.waiter, outcome)]
        if let connection = entry.connection {
            links[connection]?.inFlight -= 1
            if !unattached.isEmpty { actions += resumeUnattached(now) }
        }
        return actions
    }

    private mutating func answered(
        _ id: BridgeRequestID, final: Bool, _ answer: BridgeMessage.Answer, _ now: NIODeadline
    ) -> [Action] {
        guard let entry = pending[id] else {
            lateAnswers += 1
            return []
        }
        switch answer {
        case .error(let error):
            return finish(id, .serviceError(error), now)
        case .body(let body) where final:
            // A null at the end of a stream only says that the value before it was the last.
            if let kept = entry.kept, body.isJSONNull { return finish(id, .reply(kept), now) }
            return finish(id, .reply(body), now)
        case .body(let body):
            pending[id]?.kept = ByteBuffer(bytes: body.readableBytesView)
            return []
        }
    }

    // MARK: - Connections

    mutating func start(_ now: NIODeadline) -> [Action] {
        guard case .stopped = phase else { return [] }
        return connect()
    }

    /// Closes everything; what waits gets the value it holds or `bridge_lost`.
    mutating func stop(_ now: NIODeadline) -> [Action] {
        phase = .stopped
        problem = "stopped"
        var actions = links.keys.sorted().map { Action.close($0) }
        links = [:]
        let failure = BridgeFailure(.bridgeLost, message: "the edge stops")
        for entry in pending.values {
            let failure = entry.isUnsent ? Self.bridgeAway : failure
            actions.append(.complete(entry.waiter, entry.kept.map { .reply($0) } ?? .failure(failure)))
        }
        isHandingOver = false
        pending = [:]
        deadlines = DeadlineQueue()
        unattached = []
        return actions
    }

    private mutating func connect() -> [Action] {
        lastConnection += 1
        phase = .connecting(lastConnection)
        return [.connect(lastConnection, socket: choice.socket)]
    }

    mutating func connected(_ connection: Connection, _ now: NIODeadline) -> [Action] {
        guard case .connecting(connection) = phase else { return [.close(connection)] }
        phase = .handshaking(connection, until: now + BridgeLimits.handshakeTimeout)
        links[connection] = Link(keepalive: BridgeKeepalive(now: now))
        return [.send(connection, .hello(hello))]
    }

    mutating func connectFailed(_ connection: Connection, _ reason: String, _ now: NIODeadline) -> [Action] {
        guard case .connecting(connection) = phase else { return [] }
        problem = reason
        return tryNextSocket(now)
    }

    /// The connection is gone, or the bridge closed it.
    mutating func closed(_ connection: Connection, _ reason: String, _ now: NIODeadline) -> [Action] {
        guard let link = links.removeValue(forKey: connection) else { return [] }
        for (id, entry) in pending where entry.connection == connection {
            pending[id]?.connection = nil
            unattached.append(id)
        }
        switch phase {
        case .ready(connection), .handshaking(connection, _):
            // An error frame has said more than the close that follows it.
            problem = reason
            if let since = link.readySince, now - since >= BridgeLimits.provenAfter { choice.proven() }
            if link.readySince != nil, choice.hasOthers { isHandingOver = true }
            return tryNextSocket(now)
        default:
            return resumeUnattached(now)
        }
    }

    /// Requests wait while there is another socket to try; when all have failed, some time has to pass.
    private mutating func tryNextSocket(_ now: NIODeadline) -> [Action] {
        if choice.lost() { return connect() }
        backOff(now)
        return handoverFailed(now)
    }

    /// Nobody takes the bridge's place at once, so what waits for that is told.
    private mutating func handoverFailed(_ now: NIODeadline) -> [Action] {
        isHandingOver = false
        return pending.filter(\.value.isUnsent).keys.flatMap { finish($0, .failure(Self.bridgeAway), now) }
    }

    private mutating func backOff(_ now: NIODeadline) {
        phase = .waiting(until: now + choice.pause())
    }

    /// The bytes that came are not the protocol.
    mutating func violated(
        _ connection: Connection, _ error: BridgeProtocolError, _ now: NIODeadline
    ) -> [Action] {
        guard links[connection] != nil else { return [] }
        let message = BridgeMessage.error(code: error.code.rawValue, message: error.message)
        return [.send(connection, message), .close(connection)]
            + closed(connection, "\(error.code.rawValue): \(error.message)", now)
    }

    mutating func received(
        _ message: BridgeMessage, on connection: Connection, _ now: NIODeadline
    ) -> [Action] {
        guard links[connection] != nil else { return [] }
        links[connection]?.keepalive.didReceive(now)
        if case .handshaking(connection, _) = phase {
            switch message {
            case .welcome(let welcome): return welcomed(welcome, on: connection, now)
            case .error: break
            default:
                return violated(
                    connection, BridgeProtocolError(.protocolViolation, "\(message.name) before welcome"), now
                )
            }
        }
        switch message {
        case .reply(let id, let final, let answer): return answered(id, final: final, answer, now)
        case .failure(let id, let failure): return failed(id, failure, now)
        case .error(let code, let text):
            return [.close(connection)] + closed(connection, "\(code): \(text)", now)
        case .goaway(let reason): return goingAway(connection, reason, now)
        case .ping: return send(connection, .pong, now)
        case .pong: return []
        case .hello, .welcome, .request, .cancel, .emit, .accepted, .resume:
            return violated(
                connection, BridgeProtocolError(.protocolViolation, "\(message.name) from a bridge"), now)
        }
    }

    private mutating func failed(
        _ id: BridgeRequestID, _ failure: BridgeFailure, _ now: NIODeadline
    ) -> [Action] {
        guard let entry = pending[id] else {
            lateAnswers += 1
            return []
        }
        // It crossed the goaway, and nothing was sent: the next bridge gets it.
        if failure.code == BridgeFailure.Code.draining.rawValue, let connection = entry.connection,
            isHandingOver || phase.isReady(besides: connection)
        {
            links[connection]?.inFlight -= 1
            pending[id]?.connection = nil
            pending[id]?.isUnsent = true
            unattached.append(id)
            return resumeUnattached(now)
        }
        return finish(id, entry.kept.map { .reply($0) } ?? .failure(failure), now)
    }

    private mutating func welcomed(
        _ welcome: BridgeMessage.Welcome, on connection: Connection, _ now: NIODeadline
    ) -> [Action] {
        guard BridgeLimits.versions.contains(welcome.version) else {
            return violated(
                connection, BridgeProtocolError(.unsupportedVersion, "version \(welcome.version)"), now)
        }
        phase = .ready(connection)
        isHandingOver = false
        lastWindow = welcome.window
        choice.welcomed()
        links[connection]?.readySince = now
        links[connection]?.window = welcome.window
        links[connection]?.replySource = welcome.replySource
        var actions: [Action] = [.limitFrames(connection, welcome.maxFrame)]
        // Replies may come that nobody waits for any more, and that are kept for those who ask later.
        if let last = lastReplySource, last != welcome.replySource {
            actions += send(connection, .resume([], from: last), now)
        }
        lastReplySource = welcome.replySource
        return actions + resumeUnattached(now)
    }

    /// The old connection still brings its replies; new requests go to the next one.
    private mutating func goingAway(
        _ connection: Connection, _ reason: String, _ now: NIODeadline
    ) -> [Action] {
        guard case .ready(connection) = phase, let link = links[connection] else { return [] }
        problem = "going away: \(reason)"
        var actions: [Action] = []
        if let since = link.readySince, now - since >= BridgeLimits.provenAfter {
            choice.proven()
            actions = connect()
        } else {
            backOff(now)
        }
        isHandingOver = true
        let draining = links.keys.sorted()
        if draining.count > BridgeLimits.maxDraining, let oldest = draining.first {
            actions += [.close(oldest)] + closed(oldest, "drained for too long", now)
        }
        return actions
    }

    /// Names requests of broken connections on the ready one, as far as its window goes.
    private mutating func resumeUnattached(_ now: NIODeadline) -> [Action] {
        guard case .ready(let connection) = phase, var link = links[connection] else { return [] }
        var resumed: [String?: [BridgeMessage.Resume]] = [:]
        var actions: [Action] = []
        while link.inFlight < link.window, let id = unattached.popFirst() {
            guard let entry = pending[id] else {
                // It was given up meanwhile; the bridge keeps a reply for who asks later.
                actions.append(.send(connection, .cancel(id: id, .deadline)))
                continue
            }
            pending[id]?.connection = connection
            link.inFlight += 1
            if entry.isUnsent {
                pending[id]?.isUnsent = false
                pending[id]?.replySource = link.replySource
                actions.append(.send(connection, .request(entry.request)))
                continue
            }
            let left = (entry.deadline - now).nanoseconds / 1_000_000
            let source = entry.replySource == link.replySource ? nil : entry.replySource
            resumed[source, default: []].append(.init(id: id, timeout: max(0, Int(left))))
        }
        links[connection] = link
        for (source, requests) in resumed {
            for start in stride(from: 0, to: requests.count, by: BridgeLimits.resumeChunk) {
                let chunk = requests[start..<min(start + BridgeLimits.resumeChunk, requests.count)]
                actions += send(connection, .resume(Array(chunk), from: source), now)
            }
        }
        return actions
    }

    private mutating func send(
        _ connection: Connection, _ message: BridgeMessage, _ now: NIODeadline
    ) -> [Action] {
        guard links[connection] != nil else { return [] }
        links[connection]?.keepalive.didSend(now)
        return [.send(connection, message)]
    }

    // MARK: - Time

    mutating func tick(_ now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        while let id = deadlines.popDue(now) {
            guard let entry = pending[id] else { continue }
            let failure =
                entry.isUnsent
                ? Self.bridgeAway : BridgeFailure(.deadline, message: "no answer within the deadline")
            let outcome = entry.kept.map { BridgeOutcome.reply($0) } ?? .failure(failure)
            actions += abandon(id, reason: .deadline, outcome: outcome, now)
        }
        for (connection, link) in links {
            switch link.keepalive.verdict(now) {
            case .fine: break
            case .ping: actions += send(connection, .ping, now)
            case .dead:
                actions += [.close(connection)] + closed(connection, "the bridge is silent", now)
            }
        }
        switch phase {
        case .waiting(let until) where now >= until:
            actions += connect()
        case .handshaking(let connection, let until) where now >= until:
            actions += [.close(connection)] + closed(connection, "no welcome", now)
        default: break
        }
        return actions
    }
}
