import Foundation
import KafkaClient
import NIOCore
import Testing

private let broker = ProcessInfo.processInfo.environment["KAFKA_TEST_BROKER"]

/// With a real broker; `deploy/dev test` starts one and names it in KAFKA_TEST_BROKER.
@Suite(.enabled(if: broker != nil, "KAFKA_TEST_BROKER is not set"))
struct KafkaBrokerTests {
    private let configuration = KafkaConfiguration(brokers: broker ?? "", clientID: "test")
    private let topic = "test.\(UUID().uuidString)"
    private let reports = Collected<DeliveryReport>()
    private let states = Collected<KafkaState>()

    private func producer() throws -> KafkaProducer {
        try KafkaProducer(
            configuration, messageTimeout: .seconds(10), logger: quiet,
            onReports: { reports.add($0) }, onState: { states.add([$0]) })
    }

    private func consumer(_ mode: ConsumerMode, _ events: Collected<ConsumerEvent>) throws -> KafkaConsumer {
        try KafkaConsumer(
            configuration, mode: mode, fetchWait: .milliseconds(50), sessionTimeout: .seconds(6),
            logger: quiet, onEvents: { events.add($0) })
    }

    /// The hashes are those of Kafka's own tests (org.apache.kafka.common.utils.UtilsTest), which kafkajs' murmur2 shares.
    @Test func keysLandWhereKafkajsPutsThem() async throws {
        let hashes: KeyValuePairs<String, Int32> = [
            "21": -973_932_308, "foobar": -790_332_482, "a-little-bit-long-string": -985_981_536,
            "a-little-bit-longer-string": -1_486_304_829, "abc": 479_470_107,
        ]
        let producer = try producer()
        try await producer.admin.createTopics([.init(name: topic, partitions: 7, replication: 1)])
        for (token, (key, _)) in hashes.enumerated() {
            try producer.produce(
                ProducerRecord(topic: topic, key: ByteBuffer(string: key), value: ByteBuffer(string: "v")),
                token: UInt64(token))
        }
        try await reports.wait { $0.count == hashes.count }
        for report in reports.all {
            guard case .delivered(let partition, _) = report.result else {
                Issue.record("\(report)")
                continue
            }
            let (key, hash) = hashes[Int(report.token)]
            #expect(partition == (hash & Int32.max) % 7, "\(key)")
        }
        await producer.close()
    }

    @Test func recordsTravelWithHeadersNullsAndPartitions() async throws {
        let producer = try producer()
        try await producer.admin.createTopics([.init(name: topic, partitions: 3, replication: 1)])
        try await producer.admin.createTopics([.init(name: topic, partitions: 3, replication: 1)])
        #expect(try await producer.admin.topics()[topic] == 3)
        #expect(try await producer.admin.topics()["no.such.topic"] == nil)
        let partition = TopicPartition(topic, 2)
        let events = Collected<ConsumerEvent>()
        let consumer = try consumer(.assigned([.init(partition, 0)], groupName: "g.\(topic)"), events)
        let headers = [
            KafkaHeader("a", "1"), KafkaHeader("a", "2"), KafkaHeader("nothing", nil),
            KafkaHeader("empty", ByteBuffer()), KafkaHeader("zero", ByteBuffer(bytes: [0])),
        ]
        try producer.produce(
            ProducerRecord(
                topic: topic, partition: 2, key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v"),
                headers: headers), token: 7)
        try producer.produce(ProducerRecord(topic: topic, partition: 2, value: nil), token: 8)
        try producer.produce(ProducerRecord(topic: topic, partition: 2, value: ByteBuffer()), token: 9)
        try await events.wait { $0.messages.count == 3 }
        try await reports.wait { $0.count == 3 }
        #expect(
            reports.all.contains { $0.token == 7 && $0.result == .delivered(partition: 2, offset: 0) })
        #expect(states.all.first == .up)
        let messages = events.all.messages
        #expect(messages.map(\.offset) == [0, 1, 2])
        #expect(messages[0].key == ByteBuffer(string: "k"))
        #expect(messages[0].value == ByteBuffer(string: "v"))
        #expect(messages[0].headers == headers)
        #expect(messages[1].value == nil)
        #expect(messages[2].value == ByteBuffer())
        #expect(try await producer.admin.watermarks(of: partition) == (0, 3))
        #expect(await producer.flush(timeout: .seconds(1)))
        await consumer.close()
        await producer.close()
    }

    @Test func aRestartedStaticMemberGoesOnWhereItCommitted() async throws {
        let producer = try producer()
        try await producer.admin.createTopics([.init(name: topic, partitions: 1, replication: 1)])
        let mode = ConsumerMode.group(
            topics: [topic], groupID: "g.\(topic)", instanceID: "member-1", startAtEarliest: true)
        for (round, expected) in [(0, 0), (1, 2)] {
            let events = Collected<ConsumerEvent>()
            let consumer = try consumer(mode, events)
            try await events.wait { $0.isAssigned }
            for _ in 0..<2 {
                try producer.produce(
                    ProducerRecord(topic: topic, value: ByteBuffer(string: "\(round)")), token: 1)
            }
            try await events.wait { $0.messages.count >= 2 }
            #expect(events.all.messages.map(\.offset) == [Int64(expected), Int64(expected) + 1])
            consumer.commit([.init(TopicPartition(topic, 0), Int64(expected) + 2)])
            try await Task.sleep(for: .milliseconds(200))
            await consumer.close()
        }
        await producer.close()
    }

    @Test func readingStartsAtATime() async throws {
        let producer = try producer()
        try await producer.admin.createTopics([.init(name: topic, partitions: 1, replication: 1)])
        let partition = TopicPartition(topic, 0)
        try producer.produce(ProducerRecord(topic: topic, value: ByteBuffer(string: "old")), token: 1)
        try await reports.wait { $0.count == 1 }
        try await Task.sleep(for: .milliseconds(50))
        let time = Int64(Date().timeIntervalSince1970 * 1000)
        #expect(try await producer.admin.offsets(forTime: time, of: [partition])[partition] == nil)
        try await Task.sleep(for: .milliseconds(50))
        try producer.produce(ProducerRecord(topic: topic, value: ByteBuffer(string: "new")), token: 2)
        try await reports.wait { $0.count == 2 }
        #expect(try await producer.admin.offsets(forTime: time, of: [partition])[partition] == 1)
        await producer.close()
    }

    @Test func aMissingTopicIsAnErrorAndAPausedPartitionIsSilent() async throws {
        let producer = try producer()
        let events = Collected<ConsumerEvent>()
        let consumer = try consumer(
            .group(topics: [topic], groupID: "g.\(topic)", instanceID: "m", startAtEarliest: true), events)
        try await events.wait {
            $0.contains { if case .error(let error) = $0 { error.isUnknownTopic } else { false } }
        }
        try await producer.admin.createTopics([.init(name: topic, partitions: 1, replication: 1)])
        try await events.wait(seconds: 30) { $0.isAssigned }
        consumer.pause([TopicPartition(topic, 0)])
        try producer.produce(ProducerRecord(topic: topic, value: ByteBuffer(string: "x")), token: 1)
        try await Task.sleep(for: .milliseconds(400))
        #expect(events.all.messages.isEmpty)
        consumer.resume([TopicPartition(topic, 0)])
        try await events.wait { $0.messages.count == 1 }
        await consumer.close()
        await producer.close()
    }
}

extension [ConsumerEvent] {
    var messages: [KafkaMessage] {
        compactMap { if case .message(let message) = $0 { message } else { nil } }
    }
    var isAssigned: Bool {
        contains { if case .assigned(let partitions) = $0 { !partitions.isEmpty } else { false } }
    }
}
