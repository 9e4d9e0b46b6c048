import KafkaClient
import NIOCore
import Shared
import Testing

@testable import bridge_kafka

@Suite final class RequestTableTests {
    private typealias Table = RequestTable<String>

    private var table: Table
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let id = RequestTableTests.id(1)

    init() {
        var limits = Table.Limits(longestTimeout: .seconds(100))
        limits.entries = 2
        limits.orphans.bytes = 2000
        limits.handedOver.bytes = 2000
        table = Table(limits: limits)
    }

    static func id(_ number: Int) -> BridgeRequestID {
        let digits = String(number)
        return BridgeRequestID(String(repeating: "0", count: 32 - digits.count) + digits) ?? .random()
    }

    private func text(_ actions: [Table.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .reply(let edge, _, let final, let body):
                "\(edge): \(String(buffer: body))\(final ? "" : " and more")"
            case .serviceError(let edge, _, let error): "\(edge): error \(String(buffer: error))"
            case .fail(let edge, _, let failure): "\(edge): \(failure.code) \(failure.outcome.rawValue)"
            case .accept(let edge, _): "\(edge): accepted"
            case .keep(_, .value(let body, let final)):
                "keep \(String(buffer: body))\(final ? "" : " and more")"
            case .keep(_, .error(let error)): "keep error \(String(buffer: error))"
            case .keep(_, .unreadable(let reason)): "keep \(reason)"
            }
        }
    }

    private func begin(_ id: BridgeRequestID, edge: String = "e", isEvent: Bool = false) throws -> UInt64 {
        try table.begin(id, edge: edge, timeout: .seconds(10), isEvent: isEvent, start)
    }

    private func value(_ id: BridgeRequestID, _ value: String?, final: Bool = true) -> ReplyRecord {
        var headers = [KafkaHeader("kafka_correlationId", id.description)]
        if final { headers.append(KafkaHeader("kafka_nest-is-disposed", ByteBuffer(bytes: [0]))) }
        return record(value, headers)
    }

    private func record(_ value: String?, _ headers: [KafkaHeader]) -> ReplyRecord {
        ReplyRecord(
            KafkaMessage(
                topic: "r", partition: 0, offset: 0, timestamp: nil, key: nil,
                value: value.map { ByteBuffer(string: $0) }, headers: headers))
    }

    @Test func answersTheEdgeThatAsked() throws {
        _ = try begin(id, edge: "one")
        _ = try begin(Self.id(2), edge: "two")
        #expect(
            text(table.replied(value(Self.id(2), "{\"b\":1, \"a\":2}"), start)) == ["two: {\"b\":1, \"a\":2}"]
        )
        #expect(text(table.replied(value(id, "plain"), start)) == ["one: \"plain\""])
        #expect(table.inFlight == 0)
        #expect(table.counters.replies.delivered == 2)
    }

    @Test func streamsEndWithTheirMark() throws {
        _ = try begin(id)
        #expect(text(table.replied(value(id, "[1]", final: false), start)) == ["e: [1] and more"])
        #expect(text(table.replied(value(id, nil), start)) == ["e: null"])
        #expect(text(table.replied(value(id, "[1]"), start)) == [])
        #expect(table.counters.replies.duplicate == 1)
    }

    @Test func anAnswerThatCrossesTheEdgesDeadlineIsKept() throws {
        _ = try begin(id)
        #expect(text(table.replied(value(id, "[1]"), start)) == ["e: [1]"])
        #expect(text(table.cancelled(id)) == ["keep [1]"])
        #expect(table.cancelled(id).isEmpty, "it is kept once")
        _ = try begin(Self.id(2))
        _ = table.replied(value(Self.id(2), "[1]", final: false), start)
        _ = table.replied(value(Self.id(2), nil), start)
        #expect(text(table.cancelled(Self.id(2))) == ["keep [1] and more", "keep null"])
        #expect(table.handedOverBytes == 0)
    }

    @Test func anAnswerThatWentToABrokenConnectionIsGivenAgain() throws {
        _ = try begin(id)
        #expect(text(table.replied(value(id, "[1]"), start)) == ["e: [1]"])
        table.disconnected([id]) { $0 == "e" }
        #expect(text(table.resumed(id, edge: "again", timeout: .seconds(5), start)) == ["again: [1]"])
        #expect(table.inFlight == 0)
    }

    @Test func answersThatWereHandedOverAreRememberedForAWhile() throws {
        for number in 1...20 {
            _ = try begin(Self.id(number))
            _ = table.replied(value(Self.id(number), "[\(number)]"), start)
        }
        #expect(table.handedOverBytes <= 2000)
        #expect(table.cancelled(Self.id(1)).isEmpty, "the oldest went")
        table.tick(start + .seconds(60))
        #expect(table.handedOverBytes == 0 && table.nextWakeUp() == nil)
    }

    @Test func passesTheServicesErrorOn() throws {
        _ = try begin(id)
        let error = record(
            nil,
            [
                KafkaHeader("kafka_correlationId", id.description),
                KafkaHeader("kafka_nest-err", "{\"status\":402}"),
            ])
        #expect(text(table.replied(error, start)) == ["e: error {\"status\":402}"])
    }

    @Test func whatCannotBePassedOnIsSaid() throws {
        _ = try begin(id)
        let binary = record("\u{0}\u{1}", [KafkaHeader("kafka_correlationId", id.description)])
        #expect(text(table.replied(binary, start)) == ["e: unreadable_reply answered"])
        #expect(table.counters.replies.unreadable == 1)
    }

    @Test func repliesThatNobodyWaitsForAreCountedByReason() throws {
        _ = try begin(id)
        #expect(table.cancelled(id).isEmpty)
        #expect(text(table.replied(value(id, "1"), start)) == ["keep \"1\""])
        #expect(text(table.replied(record("1", []), start)) == [])
        #expect(text(table.replied(record("1", [KafkaHeader("kafka_correlationId", "x")]), start)) == [])
        #expect(table.counters.replies.late == 1)
        #expect(table.counters.replies.withoutID == 1)
        #expect(table.counters.replies.unknown == 1)
    }

    @Test func refusesTheSameIDTwiceAndMoreThanItsLimit() throws {
        _ = try begin(id)
        #expect(throws: BridgeFailure.self) { try self.begin(self.id) }
        _ = try begin(Self.id(2))
        #expect(throws: BridgeFailure.self) { try self.begin(Self.id(3)) }
    }

    @Test func aRecordThatWasNotSentIsSafeToSendAgain() throws {
        let token = try begin(id)
        #expect(text(table.reported(token, .notSent("timed out"))) == ["e: send_failed not_sent"])
        #expect(table.inFlight == 0)
    }

    @Test func aRecordThatWasPerhapsSentIsAwaited() throws {
        let token = try begin(id)
        #expect(text(table.reported(token, .unknown("timed out"))) == [])
        #expect(text(table.replied(value(id, "1"), start)) == ["e: \"1\""])
        #expect(table.counters.unconfirmed == 1)
    }

    @Test func eventsAreAcceptedWhenTheBrokerHasThem() throws {
        let token = try begin(id, isEvent: true)
        #expect(text(table.reported(token, .delivered)) == ["e: accepted"])
        let second = try begin(Self.id(2), isEvent: true)
        #expect(text(table.reported(second, .unknown("?"))) == ["e: send_unconfirmed unknown"])
    }

    @Test func entriesAreFreedASecondAfterTheirDeadline() throws {
        _ = try begin(id)
        #expect(table.nextWakeUp() == start + .seconds(11))
        table.tick(start + .milliseconds(10_999))
        #expect(table.inFlight == 1)
        table.tick(start + .seconds(11))
        #expect(table.inFlight == 0)
    }

    @Test func anEdgeThatComesBackGetsWhatItMissed() throws {
        _ = try begin(id)
        table.disconnected([id]) { $0 == "e" }
        #expect(!table.isAnyoneWaiting)
        #expect(text(table.replied(value(id, "[1]", final: false), start)) == ["keep [1] and more"])
        #expect(text(table.replied(value(id, "[2]"), start)) == ["keep [2]"])
        #expect(text(table.replied(value(id, "[2]"), start)) == [])
        #expect(
            text(table.resumed(id, edge: "f", timeout: .seconds(5), start)) == ["f: [1] and more", "f: [2]"])
        #expect(table.inFlight == 0)
    }

    @Test func aFreshBridgeKeepsRepliesForEdgesThatResumeLater() {
        #expect(text(table.replied(value(id, "[1]"), start)) == ["keep [1]"])
        #expect(text(table.resumed(id, edge: "f", timeout: .seconds(5), start)) == ["f: [1]"])
        #expect(table.orphanBytes == 0)
    }

    @Test func keptRepliesAreBoundedByBytesAndAge() {
        let long = "\"" + String(repeating: "x", count: 700) + "\""
        for number in 1...3 { _ = table.replied(value(Self.id(number), "[\(long)]"), start) }
        #expect(table.orphanBytes <= 2000)
        #expect(table.counters.replies.unknown == 1)
        #expect(text(table.resumed(Self.id(1), edge: "f", timeout: .seconds(5), start)) == [])
        table.tick(start + .seconds(30))
        #expect(table.orphanBytes == 0)
        #expect(table.counters.replies.unknown == 3)
    }

    @Test func aReplyThatIsToBeKeptIsKeptAndDelivered() throws {
        _ = try table.begin(id, edge: "e", timeout: .seconds(10), keepsReply: true, start)
        #expect(
            text(table.replied(value(id, "[1]", final: false), start)) == [
                "keep [1] and more", "e: [1] and more",
            ])
        #expect(text(table.replied(value(id, nil), start)) == ["keep null", "e: null"])
        #expect(text(table.replied(value(id, nil), start)) == [])
    }

    @Test func aReplyToAResumedRequestIsKept() {
        _ = table.resumed(id, edge: "f", timeout: .seconds(5), start)
        #expect(text(table.replied(value(id, "[1]"), start)) == ["keep [1]", "f: [1]"])
    }

    @Test func anEdgeThatHasComeBackIsNotTakenOffByItsOldConnectionsEnd() throws {
        _ = try begin(id, edge: "old")
        _ = table.resumed(id, edge: "new", timeout: .seconds(5), start)
        table.disconnected([id]) { $0 == "old" }
        #expect(text(table.replied(value(id, "[1]"), start)) == ["keep [1]", "new: [1]"])
    }
}

@Suite struct TopicDirectoryTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func aMissingTopicIsNewsUntilItHasAppeared() {
        var directory = TopicDirectory<Int>()
        let first = ["a", "a", "b"].map { directory.isNews($0) }
        #expect(first == [true, false, true])
        _ = directory.answered(["a"], start)
        let second = ["a", "b"].map { directory.isNews($0) }
        #expect(second == [true, false])
        let many = (0..<300).map { directory.isNews("t\($0)") }
        #expect(many.count(where: \.self) == TopicDirectory<Int>.maxReported - 2)
    }

    @Test func asksOnceForAllThatWait() {
        var directory = TopicDirectory<Int>()
        #expect(directory.look("a", park: 1, start) == .parked(ask: true))
        #expect(directory.look("b", park: 2, start) == .parked(ask: false))
        let answers = directory.answered(["a"], start)
        #expect(answers.map(\.0) == [1, 2])
        #expect(answers.map(\.isKnown) == [true, false])
        #expect(directory.look("a", park: 3, start) == .known)
        #expect(directory.look("b", park: 4, start + .seconds(1)) == .missing)
        #expect(directory.look("b", park: 5, start + .seconds(2)) == .parked(ask: true))
    }

    @Test func asksAgainWhenTheBrokerDidNotAnswer() {
        var directory = TopicDirectory<Int>()
        _ = directory.look("a", park: 1, start)
        #expect(directory.answered(nil, start).map(\.isKnown) == [false])
        #expect(directory.look("a", park: 2, start) == .parked(ask: true))
    }

    @Test func refusesWhenTooManyWait() {
        var directory = TopicDirectory<Int>()
        for number in 0..<TopicDirectory<Int>.maxParked { _ = directory.look("a", park: number, start) }
        #expect(directory.look("a", park: 0, start) == .refused)
    }
}
