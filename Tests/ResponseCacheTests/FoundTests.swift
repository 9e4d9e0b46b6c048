import NIOCore
import RedisClient
import Testing

@testable import ResponseCache

/// What the script answers, read; that it answers so is for the end-to-end tests.
@Suite struct FoundTests {
    private func text(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    private func fresh(since: RESPValue = .integer(900), status: String = "200") -> RESPValue {
        .array([.integer(1000), text("fresh"), since, text(status), text("a/b"), text("{}")])
    }

    @Test func readsEveryAnswer() {
        typealias Found = ResponseCache.Found
        #expect(Found(.array([.integer(7), text("none")])) == .nothing(at: 7, wasStale: false))
        #expect(Found(.array([.integer(7), text("stale")])) == .nothing(at: 7, wasStale: true))
        let answer = StoredAnswer(status: 200, contentType: "a/b", body: ByteBuffer(string: "{}"))
        #expect(Found(fresh()) == .fresh(answer, age: .milliseconds(100), at: 1000))
        #expect(Found(fresh(since: .integer(1001))) == .fresh(answer, age: .zero, at: 1000))
    }

    @Test func refusesWhatIsDamaged() {
        for reply in [
            .null, .array([]), .array([.integer(1)]), .array([text("none"), .integer(1)]),
            .array([.integer(1), text("other")]), .array([.integer(1), text("fresh")]), fresh(since: .null),
            fresh(status: "x"),
        ] as [RESPValue] { #expect(ResponseCache.Found(reply) == nil) }
    }

    @Test func aKeyIsOfOneCallerOperationAndBody() {
        func key(_ caller: String = "user:1", _ path: String = "/p", _ body: String = "{}") -> String {
            ResponseCache.key(caller: caller, method: "POST", path: path, body: ByteBuffer(string: body))
        }
        #expect(key() == key())
        #expect(Set([key(), key("user:2"), key("user:1", "/q"), key("user:1", "/p", "{ }")]).count == 4)
    }
}
