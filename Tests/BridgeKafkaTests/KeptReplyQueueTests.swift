import NIOCore
import RedisClient
import Shared
import Testing

@testable import bridge_kafka

@Suite struct KeptReplyQueueTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let id = BridgeRequestID.random()

    private func queue(bytes: Int = 10_000, atOnce: Int = 2) -> KeptReplyQueue {
        KeptReplyQueue(limits: .init(bytes: bytes, atOnce: atOnce))
    }

    private func content(_ text: String) -> ReplyRecord.Content {
        .value(ByteBuffer(string: text), final: true)
    }

    @Test func soManyAreWrittenAtOnce() {
        var queue = queue()
        #expect(queue.isIdle)
        #expect((1...3).map { queue.add(id, content("\($0)")).map(\.number) } == [[1], [2], []])
        #expect(queue.finished(1, .written, start).map(\.number) == [3])
        #expect(queue.finished(2, .written, start).isEmpty)
        #expect(queue.finished(2, .written, start).isEmpty)
        #expect(!queue.isIdle)
        #expect(queue.finished(3, .written, start).isEmpty)
        #expect(queue.isIdle)
        #expect(queue.bytes == 0)
        #expect(queue.counters == .init(written: 3))
    }

    @Test func afterAFailureTheyAreTriedAgainInTheirOrder() {
        var queue = queue()
        for number in 1...3 { _ = queue.add(id, content("\(number)")) }
        #expect(queue.finished(2, .failed, start).isEmpty)
        #expect(queue.finished(1, .failed, start + .milliseconds(1)).isEmpty)
        #expect(queue.add(id, content("4")).isEmpty)
        #expect(queue.nextWakeUp == start + .milliseconds(250))
        #expect(queue.tick(start + .milliseconds(249)).isEmpty)
        #expect(queue.tick(start + .milliseconds(250)).map(\.number) == [1, 2])
        #expect(queue.nextWakeUp == nil)
        #expect(queue.finished(1, .written, start).map(\.number) == [3])
        #expect(queue.counters == .init(written: 1, retries: 2))
    }

    @Test func atTheCapTheOldestThatWaitsIsLostAndCounted() {
        var queue = queue(bytes: 3 * (OrphanReplies.overhead + 1), atOnce: 1)
        #expect(queue.add(id, content("1")).map(\.number) == [1])
        for number in 2...4 { #expect(queue.add(id, content("\(number)")).isEmpty) }
        #expect(queue.counters.lost == 1)
        #expect(queue.finished(1, .written, start).map(\.number) == [3])
        #expect(queue.finished(3, .written, start).map(\.number) == [4])
        #expect(queue.finished(4, .refused, start).isEmpty)
        #expect(queue.counters == .init(written: 2, lost: 2))
        #expect(queue.bytes == 0)
    }

    @Test(arguments: [
        (RedisError.Outcome.answered, "OOM command not allowed when used memory > 'maxmemory'.", true),
        (.answered, "READONLY You can't write against a read only replica.", true),
        (.answered, "ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed", true),
        (.answered, "LOADING Redis is loading the dataset in memory", true),
        (.answered, "WRONGTYPE Operation against a key holding the wrong kind of value", false),
        (.answered, "ERR OOM", false), (.answered, "BUSYKEY Target key name already exists.", false),
        (.unknown, "connection lost", true), (.notExecuted, "", true),
    ])
    func whatRedisMayTakeLaterIsTriedAgain(_ outcome: RedisError.Outcome, _ text: String, _ again: Bool) {
        let result = RedisReplyStore.result(of: RedisError(.server, outcome, text))
        #expect(result == (again ? .failed : .refused))
    }

    @Test func whatIsWrittenIsReadAsTheOutcomeThatItWas() throws {
        let outcomes: [(ReplyRecord.Content, BridgeOutcome)] = [
            (content("{\"a\": 1.0}"), .reply(ByteBuffer(string: "{\"a\": 1.0}"))),
            (.error(ByteBuffer(string: "\"no\"")), .serviceError(ByteBuffer(string: "\"no\""))),
            (.unreadable("why"), .failure(BridgeFailure(.unreadableReply, message: "why"))),
        ]
        for (content, outcome) in outcomes {
            let fields = RedisReplyStore.fields(content)
            let kind = try #require(KeptReply.Kind(rawValue: fields.kind))
            #expect(BridgeOutcome(kind: kind, reply: fields.reply) == outcome)
        }
        let failure = BridgeFailure(.queueFull, message: "\"full\"", retryAfter: 3)
        let kept = BridgeOutcome.failure(failure).kept
        #expect(BridgeOutcome(kind: kept.kind, reply: kept.reply) == .failure(failure))
        #expect(BridgeOutcome(kind: .failure, reply: ByteBuffer(string: "{}")) == nil)
    }
}
