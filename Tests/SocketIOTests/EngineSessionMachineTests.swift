import NIOCore
import Testing

@testable import SocketIO

@Suite struct EngineSessionMachineTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static let interval = TimeAmount.milliseconds(300)
    static let timeout = TimeAmount.milliseconds(200)

    static func machine(isWebSocket: Bool = false, queueLimit: Int = 1000) -> EngineSessionMachine {
        EngineSessionMachine(
            isWebSocket: isWebSocket,
            timing: .init(pingInterval: interval, pingTimeout: timeout, upgradeTimeout: .seconds(10)),
            queueLimit: queueLimit, now: start)
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
            isWebSocket: false, timing: timing, queueLimit: 10, now: Self.start)
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
