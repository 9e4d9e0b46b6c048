import KafkaClient
import NIOCore
import Testing

@testable import bridge_kafka

@Suite struct ReplyStartTests {
    private func record(_ offset: Int64, at timestamp: Int64?) -> ConsumerEvent {
        .message(
            KafkaMessage(
                topic: "replies", partition: 0, offset: offset, timestamp: timestamp, key: nil, value: nil,
                headers: []))
    }

    @Test func whatTheBrokerFoundIsReadFromThere() {
        let start = ReplyStart(found: 7, known: (0, 10), earliest: 1000)
        #expect(start.offset == 7)
        // A service whose clock is late is heard all the same.
        #expect(start.isWanted(record(7, at: 500)))
    }

    @Test func withoutAnAnswerTheLastRecordsTellByTheirOwnTime() {
        let start = ReplyStart(found: nil, known: (3, 10), earliest: 1000)
        #expect(start.offset == 3)
        #expect(!start.isWanted(record(9, at: 999)))
        #expect(!start.isWanted(record(9, at: nil)))
        #expect(start.isWanted(record(9, at: 1000)))
        #expect(start.isWanted(record(10, at: 999)), "it came after the question")
        #expect(start.isWanted(.assigned([TopicPartition("replies", 0)])))
    }

    @Test func onlySoManyAreLookedThrough() {
        #expect(ReplyStart(found: nil, known: (0, 1_000_000), earliest: 0).offset == 990_000)
    }
}
