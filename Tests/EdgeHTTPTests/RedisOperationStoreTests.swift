import NIOCore
import RedisClient
import ResponseCache
import Shared
import Testing

@testable import edge_http

/// What the scripts answer, read; that they answer so is for the end-to-end tests.
@Suite struct RedisOperationStoreTests {
    private let id = BridgeRequestID.random()

    private func text(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    private func operation(_ kind: RESPValue, _ reply: RESPValue) -> RESPValue {
        .array([text("user:1"), text("/p"), text("req"), text("201"), kind, reply])
    }

    @Test func readsEveryStateOfAKey() {
        let head = OperationHead(id: id, caller: "user:1", path: "/p", requestID: "req", successStatus: 201)
        let states: [([RESPValue], KeyState)] = [
            ([text("new")], .new), ([text("other-body")], .otherBody),
            (
                [text("answered"), text("402"), text("a/b"), text("body")],
                .answered(StoredAnswer(status: 402, contentType: "a/b", body: ByteBuffer(string: "body")))
            ),
            (
                [text("in-flight"), text(id.description), .integer(1500)],
                .inFlight(id, left: .milliseconds(1500))
            ),
            ([text("unknown"), text(id.description)], .unknown(id)),
            (
                [text("replied"), text(id.description), operation(text("error"), text("\"no\""))],
                .replied(head, .serviceError(ByteBuffer(string: "\"no\"")))
            ),
        ]
        for (reply, state) in states { #expect(KeyState(.array(reply)) == state) }
    }

    @Test func refusesWhatIsDamaged() {
        let replies: [[RESPValue]] = [
            [], [text("else")], [text("answered"), text("x"), text("a/b"), text("")],
            [text("in-flight"), text("no id"), .integer(1)], [text("unknown")],
            [text("replied"), text(id.description), operation(.null, .null)],
            [text("replied"), text(id.description), operation(text("kind"), text("1"))],
            [text("replied"), text(id.description), operation(text("failure"), text("{}"))],
        ]
        for reply in replies { #expect(KeyState(.array(reply)) == nil, "\(reply)") }
        #expect(KeyState(.null) == nil)
    }

    @Test func anOperationWithoutReplyIsPending() throws {
        let items = try #require(operation(.null, .null).items)
        let kept = try #require(KeptOperation(id: id, items[...]))
        #expect(kept.outcome == nil)
        #expect(kept.head.location == "/operations/\(id)")
    }
}
