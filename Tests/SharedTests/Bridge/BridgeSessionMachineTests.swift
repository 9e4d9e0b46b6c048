import NIOCore
import Testing

@testable import Shared

@Suite struct BridgeSessionMachineTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let hello = BridgeMessage.hello(
        .init(versions: [1], role: "edge-http", instance: "i", build: "b"))
    private let welcome = BridgeMessage.Welcome(
        version: 1, window: 2, maxFrame: 1000, instance: "bridge", build: "b")

    private func ready() -> BridgeSessionMachine {
        var machine = BridgeSessionMachine(welcome: welcome, start)
        _ = machine.received(hello, start)
        return machine
    }

    private func request() -> BridgeRequest {
        BridgeRequest(topic: "t", body: ByteBuffer(string: "{}"), timeout: .seconds(1))
    }

    private func isRefusal(_ actions: [BridgeSessionMachine.Action], _ code: String) -> Bool {
        guard actions.count == 2, case .send(.error(let sent, _)) = actions[0] else { return false }
        return sent == code && actions[1] == .close
    }

    @Test func helloIsWelcomed() {
        var machine = BridgeSessionMachine(welcome: welcome, start)
        #expect(machine.received(hello, start) == [.send(.welcome(welcome))])
        #expect(machine.peer == "edge-http/i")
    }

    @Test func anotherVersionIsRefused() {
        var machine = BridgeSessionMachine(welcome: welcome, start)
        let other = BridgeMessage.hello(.init(versions: [2, 3], role: "r", instance: "i", build: "b"))
        #expect(isRefusal(machine.received(other, start), "unsupported_version"))
        #expect(machine.received(.ping, start) == [])
    }

    @Test func nothingMayComeBeforeHelloNorASecondOne() {
        var early = BridgeSessionMachine(welcome: welcome, start)
        #expect(isRefusal(early.received(.request(request()), start), "protocol_violation"))
        var late = ready()
        #expect(isRefusal(late.received(hello, start), "protocol_violation"))
    }

    @Test func aSilentPeerIsClosedAfterTheHandshakeTime() {
        var machine = BridgeSessionMachine(welcome: welcome, start)
        #expect(machine.tick(start + .seconds(4)) == [])
        #expect(isRefusal(machine.tick(start + .seconds(5)), "handshake_timeout"))
    }

    @Test func aRequestIsAnsweredOnce() {
        var machine = ready()
        let request = request()
        #expect(machine.received(.request(request), start) == [.requested(request)])
        let body = ByteBuffer(string: "1")
        #expect(
            machine.answer(request.id, final: false, .body(body), start)
                == [.send(.reply(id: request.id, final: false, .body(body)))])
        #expect(
            machine.answer(request.id, final: true, .body(body), start)
                == [.send(.reply(id: request.id, final: true, .body(body)))])
        #expect(machine.answer(request.id, final: true, .body(body), start) == [])
        #expect(machine.fail(request.id, BridgeFailure(.deadline, message: ""), start) == [])
    }

    @Test func theWindowBoundsWhatIsInFlight() {
        var machine = ready()
        let first = request()
        _ = machine.received(.request(first), start)
        _ = machine.received(.emit(request()), start)
        let third = request()
        guard case .send(.failure(let id, let failure))? = machine.received(.request(third), start).first
        else {
            Issue.record("a request over the window was taken")
            return
        }
        #expect(id == third.id)
        #expect(failure.code == "window_exceeded")
        #expect(failure.outcome == .notSent)
        #expect(machine.received(.cancel(id: first.id, .deadline), start) == [.cancelled(first.id)])
        #expect(machine.received(.request(third), start) == [.requested(third)])
    }

    @Test func anIDInFlightIsNotTakenTwice() {
        var machine = ready()
        let request = request()
        _ = machine.received(.request(request), start)
        #expect(isRefusal(machine.received(.request(request), start), "protocol_violation"))
    }

    @Test func resumedRequestsCountAndAreBounded() {
        var machine = ready()
        let ids = [BridgeRequestID.random(), .random(), .random()]
        let resumes = ids.map { BridgeMessage.Resume(id: $0, timeout: 70) }
        #expect(
            machine.received(.resume(Array(resumes[..<2])), start)
                == ids[..<2].map { .resumed($0, timeout: .milliseconds(70)) })
        #expect(machine.received(.resume([], from: "instance:b"), start) == [.stoodIn("instance:b")])
        #expect(isRefusal(machine.received(.resume([resumes[2]]), start), "protocol_violation"))
    }

    @Test func aCancelThatCrossesTheAnswerIsNoFaultAndIsPassedOn() {
        var machine = ready()
        let id = BridgeRequestID.random()
        #expect(machine.received(.cancel(id: id, .deadline), start) == [.cancelled(id)])
    }

    @Test func whileDrainingOnlyOldRequestsGoOn() {
        var machine = ready()
        let old = request()
        _ = machine.received(.request(old), start)
        #expect(machine.drain("restart", start) == [.send(.goaway(reason: "restart"))])
        guard case .send(.failure(_, let failure))? = machine.received(.request(request()), start).first
        else {
            Issue.record("a draining bridge took a request")
            return
        }
        #expect(failure.code == "draining")
        #expect(failure.outcome == .notSent)
        #expect(machine.accept(old.id, start) == [.send(.accepted(id: old.id))])
        #expect(machine.drain("again", start) == [])
    }

    @Test func framesOfABridgeAreNotTakenFromAnEdge() {
        for message in [BridgeMessage.welcome(welcome), .goaway(reason: ""), .accepted(id: .random())] {
            var machine = ready()
            #expect(isRefusal(machine.received(message, start), "protocol_violation"))
        }
    }

    @Test func idleConnectionsArePingedAndSilentOnesClosed() {
        var machine = ready()
        #expect(machine.tick(start + .seconds(4)) == [])
        #expect(machine.tick(start + .seconds(5)) == [.send(.ping)])
        #expect(machine.received(.pong, start + .seconds(6)) == [])
        #expect(machine.tick(start + .seconds(20)) == [.send(.ping)])
        #expect(machine.tick(start + .seconds(21)) == [.close])
        #expect(machine.nextWakeUp == nil)
    }
}
