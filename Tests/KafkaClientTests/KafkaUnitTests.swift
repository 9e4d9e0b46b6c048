import KafkaClient
import Logging
import NIOCore
import Synchronization
import Testing

/// Collects what callbacks bring on other threads.
final class Collected<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])

    func add(_ new: [Item]) { items.withLock { $0 += new } }
    var all: [Item] { items.withLock { $0 } }

    /// Waits until `isEnough` holds, at most `seconds`.
    func wait(seconds: Int = 15, until isEnough: ([Item]) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !isEnough(all), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
        #expect(isEnough(all))
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite struct KafkaUnitTests {
    /// Port 9 (discard) of the loopback: nothing listens there.
    private let nowhere = KafkaConfiguration(brokers: "127.0.0.1:9", clientID: "test")

    private func producer(
        _ configuration: KafkaConfiguration, messageTimeout: Duration = .milliseconds(500),
        reports: Collected<DeliveryReport>, states: Collected<KafkaState>
    ) throws -> KafkaProducer {
        try KafkaProducer(
            configuration, messageTimeout: messageTimeout, logger: quiet,
            onReports: { reports.add($0) }, onState: { states.add([$0]) })
    }

    @Test func wrongPropertiesAreRefusedInLibrdkafkasWords() {
        var configuration = nowhere
        configuration.properties = ["no.such.property": "1"]
        do {
            _ = try producer(configuration, reports: Collected(), states: Collected())
            Issue.record("an unknown property was taken")
        } catch let error as KafkaError {
            #expect(error.message.contains("no.such.property"))
        } catch {
            Issue.record("\(error)")
        }
        configuration.properties = ["acks": "1"]
        #expect(throws: KafkaError.self) {
            try producer(configuration, reports: Collected(), states: Collected())
        }
    }

    @Test func withoutABrokerRecordsAreCertainlyNotSent() async throws {
        let reports = Collected<DeliveryReport>()
        let states = Collected<KafkaState>()
        let producer = try producer(nowhere, reports: reports, states: states)
        for token in 1...3 {
            try producer.produce(
                ProducerRecord(topic: "t", value: ByteBuffer(string: "x")), token: UInt64(token))
        }
        try await reports.wait { $0.count == 3 }
        try await states.wait { !$0.isEmpty }
        await producer.close()
        expectThreeNotSent(reports.all)
        guard case .down? = states.all.first else {
            Issue.record("\(states.all)")
            return
        }
    }

    private func expectThreeNotSent(_ reports: [DeliveryReport]) {
        #expect(reports.map(\.token).sorted() == [1, 2, 3])
        for report in reports {
            guard case .notSent = report.result else {
                Issue.record("\(report.result)")
                continue
            }
        }
    }

    @Test func aFullQueueTakesNothingMore() async throws {
        var configuration = nowhere
        configuration.properties = ["queue.buffering.max.messages": "2"]
        let producer = try producer(configuration, reports: Collected(), states: Collected())
        let record = ProducerRecord(topic: "t", value: ByteBuffer(string: "x"))
        try producer.produce(record, token: 1)
        try producer.produce(record, token: 2)
        do {
            try producer.produce(record, token: 3)
            Issue.record("a third record was taken")
        } catch {
            #expect(error.isQueueFull)
        }
        await producer.close()
    }

    @Test func aRecordThatIsTooLargeIsRefused() async throws {
        let producer = try producer(nowhere, reports: Collected(), states: Collected())
        let large = ByteBuffer(repeating: 0x61, count: 2_000_000)
        do {
            try producer.produce(
                ProducerRecord(topic: "t", value: large, headers: [KafkaHeader("h", "v")]), token: 1)
            Issue.record("2 MB were taken")
        } catch {
            #expect(error.isTooLarge)
        }
        await producer.close()
    }

    @Test func recordsThatWaitAtTheEndWereNotSent() async throws {
        let reports = Collected<DeliveryReport>()
        let producer = try producer(
            nowhere, messageTimeout: .seconds(60), reports: reports, states: Collected())
        for token in 1...3 {
            try producer.produce(ProducerRecord(topic: "t", value: ByteBuffer()), token: UInt64(token))
        }
        await producer.close()
        expectThreeNotSent(reports.all)
    }

    @Test func recordsOnTheirWayAtTheEndAreUnknown() async throws {
        var configuration = nowhere
        // librdkafka's own cluster, which takes so many ms for each answer.
        configuration.properties = ["test.mock.num.brokers": "1", "test.mock.broker.rtt": "400"]
        let reports = Collected<DeliveryReport>()
        let producer = try producer(
            configuration, messageTimeout: .seconds(60), reports: reports, states: Collected())
        let record = ProducerRecord(topic: "t", value: ByteBuffer(string: "x"))
        try producer.produce(record, token: 1)
        try await reports.wait(seconds: 30) { $0.count == 1 }
        try producer.produce(record, token: 2)
        try await Task.sleep(for: .milliseconds(100))
        await producer.close()
        #expect(reports.all.map(\.token) == [1, 2])
        guard case .delivered? = reports.all.first?.result, case .unknown? = reports.all.last?.result else {
            Issue.record("\(reports.all)")
            return
        }
    }

    @Test func aClosedProducerTakesNothing() async throws {
        let producer = try producer(nowhere, reports: Collected(), states: Collected())
        await producer.close()
        #expect(throws: KafkaError.self) {
            try producer.produce(ProducerRecord(topic: "t", value: nil), token: 1)
        }
        await #expect(throws: KafkaError.self) { try await producer.admin.topics() }
    }
}
