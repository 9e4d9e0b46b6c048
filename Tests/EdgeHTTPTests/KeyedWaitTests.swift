import NIOCore
import ResponseCache
import Shared
import Testing

@testable import edge_http

@Suite struct KeyedWaitTests {
    private let start = ContinuousClock.now
    private let id = BridgeRequestID.random()

    @Test func whatIsDecidedIsDoneAtOnce() {
        var wait = KeyedWait(until: start)
        let answer = StoredAnswer(status: 201, contentType: "t", body: ByteBuffer(string: "b"))
        let head = OperationHead(id: id, caller: "c", path: "/p", requestID: "r", successStatus: 200)
        let reply = BridgeOutcome.reply(ByteBuffer(string: "1"))
        #expect(wait.next(.new, start) == .send)
        #expect(wait.next(.answered(answer), start) == .replay(answer))
        #expect(wait.next(.otherBody, start) == .refuseOtherBody)
        #expect(wait.next(.replied(head, reply), start) == .settle(head, reply))
    }

    @Test func looksAgainEverMoreSeldomUntilItsDeadline() {
        var wait = KeyedWait(until: start + .seconds(1))
        var now = start
        var pauses: [Int64] = []
        while case .look(let pause) = wait.next(.inFlight(id, left: .seconds(3)), now) {
            pauses.append(pause.milliseconds)
            now += pause
        }
        #expect(pauses == [20, 40, 80, 160, 250, 250, 200])
        #expect(now == start + .seconds(1))
        #expect(wait.next(.inFlight(id, left: .milliseconds(1500)), now) == .leaveInFlight(id, retryAfter: 2))
        #expect(wait.next(.inFlight(id, left: .zero), now) == .leaveInFlight(id, retryAfter: 1))
        #expect(wait.next(.unknown(id), now) == .leaveUnknown(id))
        #expect(wait.next(.new, now) == .send)
    }

    @Test func whoHasGoneWaitsNoLonger() {
        var wait = KeyedWait(until: start + .seconds(1))
        #expect(wait.next(.unknown(id), start) == .look(after: .milliseconds(20)))
        wait.stop(start + .milliseconds(5))
        #expect(wait.next(.unknown(id), start + .milliseconds(5)) == .leaveUnknown(id))
    }
}

@Suite struct IdempotencyKeyTests {
    private func key(
        _ caller: String = "c", _ method: String = "POST", _ path: String = "/p", _ key: String = "k",
        _ body: String = "{}"
    ) -> IdempotencyKey {
        IdempotencyKey(
            caller: caller, method: method, path: path, key: key, body: ByteBuffer(string: body))
    }

    @Test func eachScopeHasItsOwnRecord() {
        let keys = [
            key(), key("d"), key("c", "PUT"), key("c", "POST", "/q"), key("c", "POST", "/p", "l"),
            key("c", "POST", "/pk", ""), key("cP", "OST"),
        ]
        #expect(Set(keys.map(\.redisKey)).count == keys.count)
        #expect(Set(keys.map(\.body)).count == 1)
        #expect(key().redisKey.hasPrefix("vy:idempotency:"))
        #expect(key().redisKey.count == "vy:idempotency:".count + 64)
    }

    @Test func bodiesAreComparedAsBytes() {
        // SHA-256 of "{}", as sha256sum prints it.
        #expect(key().body == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        #expect(key().body != key("c", "POST", "/p", "k", "{ }").body)
        #expect(key().redisKey == key("c", "POST", "/p", "k", "{ }").redisKey)
    }
}
