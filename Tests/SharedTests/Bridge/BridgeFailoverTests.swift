import NIOCore
import Testing

@testable import Shared

/// An edge that knows several bridges.
@Suite struct BridgeFailoverTests {
    @Test func aSocketThatFailsIsFollowedByTheNextAtOnceAndAllOfThemByAPause() {
        var edge = Edge(sockets: 3)
        edge.perform(edge.machine.start(edge.now))
        for connection in 1...3 { edge.perform(edge.machine.connectFailed(connection, "no", edge.now)) }
        #expect(edge.sockets == [0, 1, 2])
        edge.pass(.seconds(1))
        #expect(edge.sockets == [0, 1, 2, 0])
        edge.perform(edge.machine.connectFailed(4, "no", edge.now))
        edge.connect(5)
        #expect(edge.machine.missing == nil)
    }

    @Test func whatWaitsAtALostBridgeIsAskedForAtTheNext() {
        var edge = Edge.ready(sockets: 2, source: "instance:a")
        let id = edge.submit("a")
        edge.lose(1)
        #expect(edge.sockets == [0, 1])
        edge.sent = []
        edge.connect(2, source: "instance:b")
        #expect(
            edge.sent.dropFirst() == [
                .resume([], from: "instance:a"), .resume([.init(id: id, timeout: 2000)], from: "instance:a"),
            ])
        edge.receive(.reply(id: id, final: true, .body(ByteBuffer(string: "1"))), on: 2)
        #expect(edge.outcomes["a"] == .reply(ByteBuffer(string: "1")))
    }

    @Test func aRequestKeepsItsSourceOverSeveralBridges() {
        var edge = Edge.ready(sockets: 2, source: "a")
        let first = edge.submit("first")
        edge.lose(1)
        edge.connect(2, source: "b")
        let second = edge.submit("second")
        edge.lose(2)
        edge.sent = []
        edge.connect(3, source: "c")
        let resumes = edge.sent.compactMap { message -> String? in
            guard case .resume(let requests, let source) = message else { return nil }
            return "\(source ?? "nil"): \(requests.map(\.id))"
        }
        #expect(resumes.sorted() == ["a: [\(first)]", "b: [\(second)]", "b: []"].sorted())
    }

    @Test func theSameBridgeAgainReadsItsOwnReplies() {
        var edge = Edge.ready(source: "a")
        let id = edge.submit("x")
        edge.lose(1)
        edge.pass(.seconds(1))
        edge.sent = []
        edge.connect(2, source: "a")
        #expect(edge.sent.dropFirst() == [.resume([.init(id: id, timeout: 1000)])])
    }

    @Test func requestsWaitWhileAnotherBridgeIsTried() {
        var edge = Edge.ready(sockets: 2, source: "a")
        edge.lose(1)
        #expect(edge.machine.missing == nil)
        let id = edge.submit("waits")
        #expect(edge.outcomes["waits"] == nil)
        edge.sent = []
        edge.connect(2, source: "b")
        guard case .request(let request)? = edge.sent.last else {
            Issue.record("\(edge.sent)")
            return
        }
        #expect(request.id == id)
    }

    @Test func whenAllAreAwayNothingWasSent() {
        var edge = Edge.ready(sockets: 2)
        edge.lose(1)
        edge.submit("waits")
        edge.perform(edge.machine.connectFailed(2, "no", edge.now))
        #expect(edge.failure("waits")?.outcome == .notSent)
        #expect(edge.machine.missing == "no")
    }

    @Test func aBridgeThatGoesIsSoughtAtItsOwnSocketAndThenAtTheOthers() {
        var edge = Edge.ready(sockets: 2)
        edge.pass(.seconds(4))
        edge.perform(edge.machine.received(.pong, on: 1, edge.now))
        edge.receive(.goaway(reason: "x"), on: 1)
        edge.submit("waits")
        edge.perform(edge.machine.connectFailed(2, "no", edge.now))
        #expect(edge.sockets == [0, 0, 1] && edge.outcomes["waits"] == nil)
        edge.connect(3)
        #expect(edge.outcomes["waits"] == nil && edge.machine.missing == nil)
    }
}
