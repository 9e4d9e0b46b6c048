import NIOCore
import Testing

@testable import Shared

/// Drives the edge's machine with a clock of its own; waiters are names.
struct Edge {
    var machine: BridgeEdgeMachine<String>
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var sent: [BridgeMessage] = []
    var closed: [Int] = []
    var connects: [Int] = []
    /// The socket of each connection.
    var sockets: [Int] = []
    var outcomes: [String: BridgeOutcome] = [:]

    init(sockets: Int = 1) {
        machine = BridgeEdgeMachine<String>(
            hello: .init(versions: [1], role: "edge-http", instance: "i", build: "b"), socketCount: sockets,
            jitter: { 1 })
    }

    mutating func perform(_ actions: [BridgeEdgeMachine<String>.Action]) {
        for action in actions {
            switch action {
            case .connect(let connection, let socket):
                connects.append(connection)
                sockets.append(socket)
            case .send(_, let message): sent.append(message)
            case .close(let connection): closed.append(connection)
            case .limitFrames: break
            case .complete(let waiter, let outcome):
                #expect(outcomes[waiter] == nil, "\(waiter) was completed twice")
                outcomes[waiter] = outcome
            }
        }
    }

    mutating func connect(_ connection: Int, window: Int = 4, source: String? = nil) {
        perform(machine.connected(connection, now))
        receive(
            .welcome(
                .init(
                    version: 1, window: window, maxFrame: 1000, instance: "b", build: "b", replySource: source
                )),
            on: connection)
    }

    mutating func receive(_ message: BridgeMessage, on connection: Int) {
        perform(machine.received(message, on: connection, now))
    }

    @discardableResult
    mutating func submit(_ waiter: String, timeout: Duration = .seconds(2)) -> BridgeRequestID {
        let request = BridgeRequest(topic: "t", body: ByteBuffer(string: "{}"), timeout: timeout)
        perform(machine.submit(request, waiter: waiter, now))
        return request.id
    }

    mutating func pass(_ time: TimeAmount) {
        now = now + time
        perform(machine.tick(now))
    }

    mutating func lose(_ connection: Int) { perform(machine.closed(connection, "gone", now)) }

    static func ready(window: Int = 4, sockets: Int = 1, source: String? = nil) -> Edge {
        var edge = Edge(sockets: sockets)
        edge.perform(edge.machine.start(edge.now))
        edge.connect(1, window: window, source: source)
        edge.sent = []
        return edge
    }

    func failure(_ waiter: String) -> BridgeFailure? {
        if case .failure(let failure)? = outcomes[waiter] { return failure }
        return nil
    }
}

private func json(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

@Suite struct BridgeEdgeMachineTests {
    @Test func itGreetsAndIsReadyOnceWelcomed() {
        var edge = Edge()
        edge.perform(edge.machine.start(edge.now))
        #expect(edge.connects == [1])
        #expect(edge.machine.missing != nil)
        edge.perform(edge.machine.connected(1, edge.now))
        #expect(edge.sent.map(\.name) == ["hello"])
        #expect(edge.machine.missing != nil)
        edge.receive(.welcome(.init(version: 1, window: 1, maxFrame: 1, instance: "", build: "")), on: 1)
        #expect(edge.machine.missing == nil)
    }

    @Test func withoutABridgeNothingIsSentAndTheCallerKnowsAtOnce() {
        var edge = Edge()
        edge.submit("a")
        #expect(edge.failure("a")?.outcome == .notSent)
        #expect(edge.failure("a")?.code == "bridge_unavailable")
        #expect(edge.sent.isEmpty)
    }

    @Test func repliesReachTheirRequestsWhateverTheirOrder() {
        var edge = Edge.ready()
        let first = edge.submit("a")
        let second = edge.submit("b")
        edge.receive(.reply(id: second, final: true, .body(json("2"))), on: 1)
        edge.receive(.reply(id: first, final: true, .error(json("\"no\""))), on: 1)
        #expect(edge.outcomes == ["a": .serviceError(json("\"no\"")), "b": .reply(json("2"))])
        edge.receive(.reply(id: first, final: true, .body(json("3"))), on: 1)
        #expect(edge.machine.lateAnswers == 1)
    }

    @Test func theAnswerIsTheLastValueBeforeTheEnd() {
        var edge = Edge.ready()
        let stream = edge.submit("a")
        edge.receive(.reply(id: stream, final: false, .body(json("1"))), on: 1)
        edge.receive(.reply(id: stream, final: false, .body(json("2"))), on: 1)
        edge.receive(.reply(id: stream, final: true, .body(json("null"))), on: 1)
        let whole = edge.submit("b")
        edge.receive(.reply(id: whole, final: false, .body(json("1"))), on: 1)
        edge.receive(.reply(id: whole, final: true, .body(json("3"))), on: 1)
        let null = edge.submit("c")
        edge.receive(.reply(id: null, final: true, .body(json("null"))), on: 1)
        #expect(
            edge.outcomes == ["a": .reply(json("2")), "b": .reply(json("3")), "c": .reply(json("null"))])
    }

    @Test func atTheDeadlineTheOutcomeIsUnknownAndTheBridgeIsTold() {
        var edge = Edge.ready()
        let id = edge.submit("a", timeout: .seconds(2))
        edge.pass(.milliseconds(1999))
        #expect(edge.outcomes.isEmpty)
        edge.pass(.milliseconds(1))
        #expect(edge.failure("a")?.outcome == .unknown)
        #expect(edge.failure("a")?.code == "deadline")
        #expect(edge.sent.last == .cancel(id: id, .deadline))
    }

    @Test func whatWasGivenUpWithoutABridgeIsToldToTheNext() {
        var edge = Edge.ready()
        let id = edge.submit("a", timeout: .seconds(2))
        let other = edge.submit("b", timeout: .seconds(60))
        edge.lose(1)
        edge.pass(.seconds(2))
        #expect(edge.failure("a")?.code == "deadline")
        edge.sent = []
        edge.pass(.seconds(1))
        edge.connect(2)
        #expect(edge.sent.contains(.cancel(id: id, .deadline)))
        #expect(edge.sent.contains(.resume([.init(id: other, timeout: 57_000)], from: nil)))
    }

    @Test func aValueWithoutItsEndIsTheAnswerAtTheDeadline() {
        var edge = Edge.ready()
        let id = edge.submit("a")
        edge.receive(.reply(id: id, final: false, .body(json("1"))), on: 1)
        edge.pass(.seconds(2))
        #expect(edge.outcomes == ["a": .reply(json("1"))])
    }

    @Test func theWindowIsKeptAndCreditsComeBack() {
        var edge = Edge.ready(window: 1)
        let first = edge.submit("a")
        edge.submit("b")
        #expect(edge.failure("b")?.code == "window_exceeded")
        #expect(edge.failure("b")?.outcome == .notSent)
        edge.receive(.reply(id: first, final: true, .body(json("1"))), on: 1)
        edge.submit("c")
        #expect(edge.outcomes["c"] == nil)
        edge.pass(.seconds(2))
        edge.submit("d")
        #expect(edge.outcomes["d"] == nil)
    }

    @Test func aBrokenConnectionIsResumedOnTheNext() {
        var edge = Edge.ready()
        let id = edge.submit("a")
        edge.lose(1)
        #expect(edge.machine.missing != nil)
        #expect(edge.outcomes.isEmpty)
        edge.submit("b")
        #expect(edge.failure("b")?.outcome == .notSent)
        edge.pass(.milliseconds(49))
        #expect(edge.connects == [1])
        edge.pass(.milliseconds(1))
        #expect(edge.connects == [1, 2])
        edge.connect(2)
        #expect(edge.sent.last == .resume([.init(id: id, timeout: 1950)]))
        edge.receive(.reply(id: id, final: true, .body(json("1"))), on: 2)
        #expect(edge.outcomes["a"] == .reply(json("1")))
    }

    @Test func attemptsBackOffUpToHalfASecond() {
        var edge = Edge()
        edge.perform(edge.machine.start(edge.now))
        var waits: [Int64] = []
        for _ in 0..<8 {
            edge.perform(edge.machine.connectFailed(edge.connects.last ?? 0, "refused", edge.now))
            guard let next = edge.machine.nextWakeUp() else { break }
            waits.append((next - edge.now).nanoseconds / 1_000_000)
            edge.pass(next - edge.now)
        }
        #expect(waits == [50, 100, 200, 400, 500, 500, 500, 500])
        #expect(edge.machine.missing == "refused")
    }

    @Test func aBridgeThatGoesAwayIsLeftButItsRepliesStillCount() {
        var edge = Edge.ready()
        edge.now = edge.now + .seconds(2)
        let id = edge.submit("a")
        edge.receive(.goaway(reason: "restart"), on: 1)
        #expect(edge.connects == [1, 2])
        edge.connect(2)
        edge.submit("b")
        edge.receive(.reply(id: id, final: true, .body(json("1"))), on: 1)
        #expect(edge.outcomes == ["a": .reply(json("1"))])
    }

    @Test func duringAHandoverRequestsWaitForTheNextBridge() {
        var edge = Edge.ready(window: 2)
        edge.pass(.seconds(2))
        let crossing = edge.submit("crossing")
        edge.receive(.goaway(reason: "restart"), on: 1)
        #expect(edge.machine.missing == nil)
        let held = edge.submit("held")
        let draining = BridgeFailure(.draining, message: "the bridge is shutting down", retryAfter: 1)
        edge.receive(.failure(id: crossing, draining), on: 1)
        edge.submit("too many")
        #expect(edge.failure("too many")?.code == "window_exceeded")
        #expect(edge.outcomes.count == 1)
        edge.sent = []
        edge.connect(2, window: 2)
        let requested = edge.sent.compactMap { message in
            if case .request(let request) = message { return request.id }
            return nil
        }
        #expect(requested == [held, crossing])
        edge.receive(.reply(id: held, final: true, .body(json("1"))), on: 2)
        edge.receive(.reply(id: crossing, final: true, .body(json("2"))), on: 2)
        #expect(edge.outcomes["held"] == .reply(json("1")))
        #expect(edge.outcomes["crossing"] == .reply(json("2")))
        #expect(edge.machine.pendingCount == 0)
    }

    @Test func aHandoverThatFailsTellsThatNothingWasSent() {
        var edge = Edge.ready()
        edge.pass(.seconds(2))
        edge.receive(.goaway(reason: "shutting down"), on: 1)
        edge.submit("held")
        edge.submit("impatient", timeout: .milliseconds(100))
        edge.pass(.milliseconds(100))
        #expect(edge.failure("impatient")?.code == "bridge_unavailable")
        edge.perform(edge.machine.connectFailed(2, "refused", edge.now))
        #expect(edge.failure("held")?.code == "bridge_unavailable")
        #expect(edge.machine.missing == "refused")
        edge.submit("later")
        #expect(edge.failure("later")?.code == "bridge_unavailable")
        #expect(edge.machine.pendingCount == 0)
    }

    @Test func anEdgeThatStopsDuringAHandoverTellsThatNothingWasSent() {
        var edge = Edge.ready()
        edge.pass(.seconds(2))
        edge.receive(.goaway(reason: "restart"), on: 1)
        edge.submit("held")
        edge.perform(edge.machine.stop(edge.now))
        #expect(edge.failure("held")?.code == "bridge_unavailable")
    }

    @Test func whoGivesUpIsTakenOutAndTheBridgeTold() {
        var edge = Edge.ready()
        let id = edge.submit("a")
        edge.perform(edge.machine.cancel(id, edge.now))
        #expect(edge.failure("a")?.code == "client_gone")
        #expect(edge.sent.last == .cancel(id: id, .clientGone))
        #expect(edge.machine.pendingCount == 0)
    }

    @Test func aBridgeThatBreaksTheProtocolIsClosed() {
        var edge = Edge.ready()
        edge.receive(.hello(.init(versions: [1], role: "", instance: "", build: "")), on: 1)
        #expect(edge.closed == [1])
        guard case .error("protocol_violation", _)? = edge.sent.last else {
            Issue.record("no error frame was sent")
            return
        }
    }

    @Test func aRefusalSaysWhyAndIsTriedAgainLater() {
        var edge = Edge()
        edge.perform(edge.machine.start(edge.now))
        edge.perform(edge.machine.connected(1, edge.now))
        edge.receive(.error(code: "unsupported_version", message: "this bridge speaks version 2"), on: 1)
        #expect(edge.machine.missing == "unsupported_version: this bridge speaks version 2")
        edge.pass(.seconds(2))
        #expect(edge.connects == [1, 2])
    }

    @Test func aSilentBridgeIsGivenUp() {
        var edge = Edge.ready()
        edge.pass(.seconds(5))
        #expect(edge.sent == [.ping])
        edge.pass(.seconds(10))
        #expect(edge.closed == [1])
        #expect(edge.machine.missing == "the bridge is silent")
    }

    @Test func aFrameTheBridgeWouldNotTakeIsNotSent() {
        var edge = Edge.ready()
        let id = edge.submit("a")
        edge.perform(edge.machine.frameRefused(id, bytes: 5000, edge.now))
        #expect(edge.failure("a")?.code == "too_large")
        #expect(edge.failure("a")?.outcome == .notSent)
    }

    @Test func stoppingCompletesEveryWaiter() {
        var edge = Edge.ready()
        let kept = edge.submit("a")
        edge.submit("b")
        edge.receive(.reply(id: kept, final: false, .body(json("1"))), on: 1)
        edge.perform(edge.machine.stop(edge.now))
        #expect(edge.outcomes["a"] == .reply(json("1")))
        #expect(edge.failure("b")?.code == "bridge_lost")
        #expect(edge.failure("b")?.outcome == .unknown)
        #expect(edge.machine.nextWakeUp() == nil)
    }
}
