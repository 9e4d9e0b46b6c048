import NIOCore
import Testing

@testable import SocketIO

@Suite struct EngineSessionMachineTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static let interval = TimeAmount.milliseconds(300)
    static let timeout = TimeAmount.milliseconds(200)

    static func machine(
        isWebSocket: Bool = false, queueLimit: Int = 1000, missedLimit: Int = 1000
    ) -> EngineSessionMachine {
        EngineSessionMachine(
            isWebSocket: isWebSocket,
            timing: .init(pingInterval: interval, pingTimeout: timeout, upgradeTimeout: .seconds(10)),
            queueLimit: queueLimit, missedLimit: missedLimit, now: start)
    }

    static func text(_ text: String) -> WebSocketMessage { .text(ByteBuffer(string: text)) }
    static func message(_ text: String) -> EnginePacket { .message(ByteBuffer(string: text)) }
    static let probe = EnginePacket.ping(ByteBuffer(string: "probe"))
    static let ping = EnginePacket.ping(ByteBuffer())

    // MARK: Polling

    @Test func aPollGetsAllThatWaitsAtOnce() {
        var machine = Self.machine()
        #expect(machine.send([Self.message("a"), Self.message("b")]) == [])
        #expect(machine.polled(Self.start) == [.answerPoll([Self.message("a"), Self.message("b")])])
        #expect(machine.polled(Self.start) == [])
        #expect(machine.send([Self.message("c")]) == [.answerPoll([Self.message("c")])])
    }

    @Test func aSecondPollEndsTheSession() {
        var machine = Self.machine()
        _ = machine.polled(Self.start)
        #expect(machine.polled(Self.start) == [.answerPoll([.close]), .closed(.transportError), .refuse])
        #expect(machine.polled(Self.start) == [.refuse])
    }

    @Test func anAbortedPollEndsTheSession() {
        var machine = Self.machine()
        _ = machine.polled(Self.start)
        #expect(machine.pollAborted() == [.closed(.transportClose)])
        #expect(machine.polled(Self.start) == [.refuse])
    }

    @Test func aPostDeliversItsPacketsInOrder() {
        var machine = Self.machine()
        let actions = machine.posted(ByteBuffer(string: "4a\u{1E}4b"), Self.start)
        #expect(actions == [.deliver(Self.text("a")), .deliver(Self.text("b")), .acceptPost])
    }

    @Test func aPostThatIsNoPayloadEndsTheSession() {
        var machine = Self.machine()
        #expect(machine.posted(ByteBuffer(string: "abc"), Self.start) == [.closed(.parseError), .refuse])
        #expect(machine.polled(Self.start) == [.refuse])
    }

    @Test func aClosePacketAnswersTheWaitingPollWithNoop() {
        var machine = Self.machine()
        _ = machine.polled(Self.start)
        #expect(
            machine.posted(ByteBuffer(string: "1\u{1E}4late"), Self.start)
                == [.answerPoll([.noop]), .closed(.transportClose), .acceptPost])
    }

    @Test func aQueueAboveItsLimitEndsTheSession() {
        var machine = Self.machine(queueLimit: 10)
        #expect(machine.send([Self.message("123456789")]) == [])
        #expect(machine.send([Self.message("1")]) == [.closed(.slowConsumer)])
    }

    @Test func aServerCloseReachesThePollingClientByItsNextPoll() {
        var machine = Self.machine()
        #expect(machine.close(from: Self.start, .serverShutdown) == [.closed(.serverShutdown)])
        #expect(!machine.isClosed)
        #expect(machine.polled(Self.start) == [.answerPoll([.close])])
        #expect(machine.isClosed)
    }

    @Test func aServerCloseIsForgottenWhenNobodyPolls() {
        var machine = Self.machine()
        _ = machine.close(from: Self.start, .serverShutdown)
        #expect(machine.nextWakeUp == Self.start + .seconds(30))
        _ = machine.tick(Self.start + .seconds(30))
        #expect(machine.isClosed)
    }

    // MARK: Heartbeats

    @Test func pingsAndCountsOnFromThePong() {
        var machine = Self.machine()
        _ = machine.polled(Self.start)
        #expect(machine.nextWakeUp == Self.start + Self.interval)
        let first = Self.start + Self.interval
        #expect(machine.tick(first) == [.answerPoll([Self.ping])])
        #expect(machine.posted(ByteBuffer(string: "3"), first) == [.acceptPost])
        #expect(machine.nextWakeUp == first + Self.interval)
    }

    @Test func theDeadlineCountsFromTheHandshakeThoughNoPingCouldLeave() {
        var machine = Self.machine()
        #expect(machine.tick(Self.start + .milliseconds(310)) == [])
        #expect(machine.nextWakeUp == Self.start + .milliseconds(500))
        #expect(machine.polled(Self.start + .milliseconds(500)) == [.closed(.pingTimeout), .refuse])
    }

    @Test func aMissingPongEndsTheSession() {
        var machine = Self.machine(isWebSocket: true)
        #expect(machine.tick(Self.start + Self.interval) == [.send([Self.ping])])
        #expect(
            machine.tick(Self.start + .milliseconds(500)) == [.closeWebSocket, .closed(.pingTimeout)])
        #expect(machine.nextWakeUp == nil)
    }

    @Test func aPingOfTheClientEndsTheSession() {
        var machine = Self.machine(isWebSocket: true)
        #expect(
            machine.webSocketSent(Self.ping, Self.start) == [.closeWebSocket, .closed(.transportError)])
    }

    // MARK: What was missed

    /// Three messages of ten bytes each; a portion has two.
    static let missed = ["a", "b", "c"].map { message(String(repeating: $0, count: 9)) }

    @Test func whatWasMissedLeavesInPortionsAndTheRestBehindIt() {
        var machine = Self.machine(isWebSocket: true, queueLimit: 80)
        #expect(machine.send(Self.missed, isMissed: true) == [.sendPortion(Array(Self.missed[..<2]))])
        #expect(machine.send([Self.message("live")]) == [])
        #expect(!machine.sendsAtOnce)
        #expect(machine.waitingBytes == 15)
        #expect(machine.portionSent() == [.sendPortion([Self.missed[2], Self.message("live")])])
        #expect(machine.sendsAtOnce, "what comes now is behind the last portion anyway")
        #expect(machine.send([Self.message("next")]) == [.send([Self.message("next")])])
        #expect(machine.send(Self.missed, isMissed: true) == [], "the last portion is still under way")
        #expect(machine.portionSent() == [.sendPortion(Array(Self.missed[..<2]))])
        #expect(machine.portionSent() == [.sendPortion([Self.missed[2]])])
        #expect(machine.portionSent() == [])
        #expect(machine.waitingBytes == 0)
    }

    @Test func aPortionHasOnePacketHoweverLong() {
        var machine = Self.machine(isWebSocket: true, queueLimit: 8)
        #expect(machine.send(Self.missed, isMissed: true) == [.sendPortion([Self.missed[0]])])
        #expect(machine.portionSent() == [.sendPortion([Self.missed[1]])])
    }

    @Test func eachPollGetsAPortion() {
        var machine = Self.machine(queueLimit: 80)
        #expect(machine.send([Self.message("first")]) == [])
        #expect(machine.send(Self.missed, isMissed: true) == [])
        #expect(machine.send([Self.message("live")]) == [])
        let first = [Self.message("first")] + Self.missed[..<2]
        #expect(machine.polled(Self.start) == [.answerPoll(first)])
        #expect(machine.polled(Self.start) == [.answerPoll([Self.missed[2], Self.message("live")])])
        #expect(machine.polled(Self.start) == [])
        #expect(machine.send(Self.missed, isMissed: true) == [.answerPoll(Array(Self.missed[..<2]))])
    }

    @Test func anUpgradeTakesTheBacklogAlong() {
        var machine = Self.machine(queueLimit: 80)
        _ = machine.candidateArrived(Self.start)
        _ = machine.candidateSent(Self.probe)
        #expect(machine.send([Self.message("first")]) == [])
        #expect(machine.send(Self.missed, isMissed: true) == [])
        #expect(
            machine.candidateSent(.upgrade) == [
                .adoptCandidate, .send([Self.message("first")]), .sendPortion(Array(Self.missed[..<2])),
            ])
        #expect(machine.portionSent() == [.sendPortion([Self.missed[2]])])
    }

    @Test func aPingDoesNotWaitBehindIt() {
        var machine = Self.machine(isWebSocket: true, queueLimit: 80)
        _ = machine.send(Self.missed, isMissed: true)
        #expect(machine.tick(Self.start + Self.interval) == [.send([Self.ping])])
    }

    @Test func tooMuchBehindItEndsTheSession() {
        var machine = Self.machine(isWebSocket: true, queueLimit: 10)
        _ = machine.send(Self.missed, isMissed: true)
        #expect(machine.send([Self.message("123456789")]) == [])
        #expect(machine.send([Self.message("1")]) == [.closeWebSocket, .closed(.slowConsumer)])
        #expect(machine.portionSent() == [])
        #expect(machine.waitingBytes == 0)
    }

    @Test func tooMuchOfItEndsTheSession() {
        var machine = Self.machine(isWebSocket: true, queueLimit: 80, missedLimit: 30)
        _ = machine.send(Self.missed, isMissed: true)
        #expect(machine.send(Array(Self.missed[..<2]), isMissed: true) == [])
        #expect(
            machine.send([Self.message("1")], isMissed: true) == [.closeWebSocket, .closed(.slowConsumer)])
    }

    // MARK: WebSocket and upgrade

    @Test func aWebSocketSendsAtOnce() {
        var machine = Self.machine(isWebSocket: true)
        #expect(machine.send([Self.message("a")]) == [.send([Self.message("a")])])
        #expect(machine.webSocketSent(Self.message("b"), Self.start) == [.deliver(Self.text("b"))])
        #expect(machine.webSocketSent(.close, Self.start) == [.closeWebSocket, .closed(.transportClose)])
    }

    @Test func whatIsNoPacketEndsTheSession() {
        var machine = Self.machine(isWebSocket: true)
        #expect(machine.webSocketSent(nil, Self.start) == [.closeWebSocket, .closed(.parseError)])
    }

    @Test func upgrades() {
        var machine = Self.machine()
        _ = machine.polled(Self.start)
        #expect(machine.candidateArrived(Self.start) == true)
        #expect(
            machine.candidateSent(Self.probe)
                == [.sendCandidate(.pong(ByteBuffer(string: "probe"))), .answerPoll([.noop])])
        // A GET during the upgrade is let go at once, and what is sent meanwhile still takes the polling way.
        #expect(machine.polled(Self.start) == [.answerPoll([.noop])])
        #expect(machine.send([Self.message("a")]) == [])
        #expect(
            machine.candidateSent(.upgrade) == [.adoptCandidate, .send([Self.message("a")])])
        #expect(machine.isWebSocket)
        #expect(machine.polled(Self.start) == [.refuse])
        #expect(machine.candidateArrived(Self.start) == false)
        #expect(machine.send([Self.message("b")]) == [.send([Self.message("b")])])
    }

    @Test func aSecondCandidateIsRefused() {
        var machine = Self.machine()
        #expect(machine.candidateArrived(Self.start) == true)
        #expect(machine.candidateArrived(Self.start) == false)
    }

    @Test(arguments: [EnginePacket.upgrade, .close, .message(ByteBuffer()), ping])
    func aCandidateThatDoesNotProbeIsClosedAlone(_ packet: EnginePacket) {
        var machine = Self.machine()
        _ = machine.candidateArrived(Self.start)
        #expect(machine.candidateSent(packet) == [.closeCandidate])
        #expect(machine.polled(Self.start) == [])
        #expect(machine.candidateArrived(Self.start) == true)
    }

    @Test func aCandidateHasTenSeconds() {
        let timing = EngineSessionMachine.Timing(
            pingInterval: .seconds(25), pingTimeout: .seconds(20), upgradeTimeout: .seconds(10))
        var machine = EngineSessionMachine(
            isWebSocket: false, timing: timing, queueLimit: 10, missedLimit: 10, now: Self.start)
        _ = machine.candidateArrived(Self.start)
        #expect(machine.nextWakeUp == Self.start + .seconds(10))
        #expect(machine.tick(Self.start + .seconds(10)) == [.closeCandidate])
        #expect(machine.polled(Self.start + .seconds(10)) == [])
    }

    @Test func aSessionThatEndsTakesItsCandidateAlong() {
        var machine = Self.machine()
        _ = machine.candidateArrived(Self.start)
        #expect(
            machine.posted(ByteBuffer(string: "1"), Self.start)
                == [.closeCandidate, .closed(.transportClose), .acceptPost])
    }
}
