import NIOCore
import RawJSON
import Testing

@testable import bridge_kafka

@Suite struct StatusVersionTests {
    private func version(_ version: String, id: String = #""pi_1""#, key: String? = nil) throws
        -> StatusVersion?
    {
        let value = ByteBuffer(string: #"{"id":\#(id),"v":\#(version),"status":"x"}"#)
        return StatusVersion(
            .init(version: "v", thing: "id"), of: try RawJSON.object(value),
            key: key.map { ByteBuffer(string: $0) }, value: value)
    }

    @Test(arguments: [
        ("0", "1"), ("9", "10"), ("10", #""11""#), ("99", "9223372036854775807"),
        (#""2026-11-25T13:17:51Z""#, #""2026-11-25T13:17:51.001Z""#),
        (#""2026-11-25T13:17:51.001Z""#, #""2026-11-25T13:17:51.002000Z""#),
        (#""2026-11-25T13:17:51+02:00""#, #""2026-11-25T12:00:00Z""#),
        (#""2026-11-25t13:17:51z""#, #""2026-11-25T13:17:52Z""#),
        (#""1999-12-31T23:59:59Z""#, #""2026-01-01T00:00:00Z""#),
    ])
    func laterOnesCompareAsLater(_ earlier: String, _ later: String) throws {
        let (earlier, later) = try (#require(try version(earlier)), #require(try version(later)))
        #expect(earlier.order < later.order)
        #expect(earlier.order.count == 20 && later.order.count == 20 && earlier.thing == later.thing)
    }

    @Test(arguments: [
        "-1", "1.5", "1e3", "true", "null", "{}", #""soon""#, #""2026-11-25""#, #""-5""#, #""""#,
    ])
    func whatCannotBeComparedIsNoVersion(_ text: String) throws {
        #expect(try version(text) == nil)
    }

    @Test func aNumberIsGivenOnceAndATimeMayBeSharedByTwo() throws {
        #expect(try version("7")?.content == "")
        let time = #""2026-11-25T13:17:51Z""#
        let (one, other) = try (version(time, id: #""a""#), version(time, id: #""b""#))
        #expect(one?.content != other?.content && one?.order == other?.order)
    }

    @Test func itIsOfTheThingOrElseOfTheKey() throws {
        #expect(try version("1", id: "null", key: "pi_1")?.thing == version("1")?.thing)
        #expect(try version("1", key: "other")?.thing == version("1")?.thing)
        #expect(try version("1", id: "17")?.thing == version("1", id: #""17""#)?.thing)
        #expect(try version("1", id: "null") == nil)
        #expect(try version("1", id: #""""#) == nil)
    }
}
