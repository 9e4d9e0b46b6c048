import KafkaClient
import NIOCore
import Testing

@testable import bridge_kafka

@Suite final class StatusPartitionTests {
    private var partition: StatusPartition
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let value = ByteBuffer(string: #"{"userId":"u","status":"x"}"#)

    init() {
        var limits = StatusPartition.Limits()
        limits.high = 3
        limits.low = 1
        partition = StatusPartition(userField: "userId", limits: limits)
    }

    private func record(_ offset: Int64, _ value: ByteBuffer? = nil) -> KafkaMessage {
        KafkaMessage(
            topic: "s", partition: 0, offset: offset, timestamp: nil, key: nil, value: value ?? self.value,
            headers: [])
    }

    private func write(_ offset: Int64) -> StatusPartition.Action {
        .write(offset: offset, userID: "u", data: value, version: nil)
    }

    private func makeReady() {
        #expect(partition.start() == [.resume, .check])
        #expect(partition.finished(.done, start) == [])
    }

    @Test func writesOneAfterTheOtherAndCommitsBehind() {
        makeReady()
        #expect(partition.arrived([record(5), record(6)]) == [write(5)])
        #expect(partition.uncommitted == nil)
        #expect(partition.finished(.done, start) == [write(6)])
        #expect(partition.uncommitted == 6)
        #expect(partition.finished(.skipped, start) == [])
        #expect(partition.nextWakeUp == start + .milliseconds(500))
        #expect(partition.tick(start + .milliseconds(500)) == [.commit(7)])
        #expect(partition.uncommitted == nil)
        #expect(partition.nextWakeUp == nil)
    }

    @Test func nothingIsWrittenBeforeTheCheck() {
        #expect(partition.start() == [.resume, .check])
        #expect(partition.arrived([record(5)]) == [])
        #expect(partition.finished(.done, start) == [write(5)])
    }

    @Test func pausesAndTriesAgainWhileRedisIsAway() {
        makeReady()
        _ = partition.arrived([record(5)])
        #expect(partition.finished(.failed, start) == [.pause])
        #expect(partition.uncommitted == nil)
        var now = start
        for pause in [100, 200, 400, 800, 1600, 2000, 2000] {
            now = now + .milliseconds(Int64(pause))
            #expect(partition.nextWakeUp == now)
            #expect(partition.tick(now) == [write(5)])
            #expect(partition.finished(.failed, now) == [])
        }
        _ = partition.tick(now + .seconds(2))
        #expect(partition.finished(.done, now) == [.resume])
        #expect(partition.uncommitted == 6)
    }

    @Test func aLongQueuePausesThePartition() {
        makeReady()
        #expect(partition.arrived([record(1), record(2), record(3)]) == [.pause, write(1)])
        #expect(partition.finished(.done, start) == [write(2)])
        #expect(partition.finished(.done, start) == [.resume, write(3)])
    }

    @Test(arguments: [StatusPartition.Result.done, .failed])
    func afterStopWhatIsUnderWayIsFinishedAndNothingBegun(_ result: StatusPartition.Result) {
        makeReady()
        _ = partition.arrived([record(5), record(6)])
        partition.stop()
        #expect(partition.isWorking)
        #expect(partition.finished(result, start) == (result == .failed ? [.pause] : []))
        #expect(!partition.isWorking)
        #expect(partition.arrived([record(7), record(8)]).allSatisfy { $0 == .pause })
        let later = start + .seconds(60)
        #expect(partition.tick(later) == (result == .failed ? [] : [.commit(6)]))
        #expect(!partition.isWorking)
        #expect(partition.nextWakeUp == nil)
    }

    static let dead: [(String?, String)] = [
        (nil, "the value is null"), ("[1]", "not a JSON object"), ("no json", "not a JSON object"),
        ("{}", "no user"), (#"{"userId":""}"#, "no user"), (#"{"userId":{"id":1}}"#, "no user"),
        (#"{"userId":"\#(String(repeating: "x", count: 257))"}"#, "longer than 256"),
        (#"{"userId":"\u212aim"}"#, "normalization form C"),
    ]

    @Test(arguments: dead)
    func whatNobodyCanBeToldOfIsADeadLetter(_ value: String?, _ reason: String) throws {
        makeReady()
        let record = KafkaMessage(
            topic: "s", partition: 0, offset: 1, timestamp: nil, key: nil,
            value: value.map { ByteBuffer(string: $0) }, headers: [])
        guard case .deadLetter(let said)? = partition.arrived([record]).first else {
            Issue.record("no dead letter")
            return
        }
        #expect(said.contains(reason))
        #expect(partition.finished(.done, start) == [])
        #expect(partition.uncommitted == 2)
    }

    @Test func theUserIsTheFieldThenTheHeaderThenTheKey() {
        func update(_ value: String, _ headers: [KafkaHeader], key: String?) -> StatusUpdate {
            StatusUpdate(
                KafkaMessage(
                    topic: "s", partition: 0, offset: 1, timestamp: nil,
                    key: key.map { ByteBuffer(string: $0) }, value: ByteBuffer(string: value),
                    headers: headers), userField: "userId", versionFields: nil)
        }
        let header = KafkaHeader("x-user-id", "h")
        func data(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
        #expect(
            update(#"{"userId":123}"#, [header], key: "k")
                == .update(userID: "123", data: data(#"{"userId":123}"#), version: nil))
        #expect(update(" {} ", [header], key: "k") == .update(userID: "h", data: data("{}"), version: nil))
        #expect(update("{}", [], key: "k") == .update(userID: "k", data: data("{}"), version: nil))
    }
}
