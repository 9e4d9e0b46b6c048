import Foundation
import Telemetry
import Testing

@testable import bridge_kafka

@Suite struct KafkaFiguresTests {
    /// As librdkafka's STATISTICS.md has them, with members that nobody asks for.
    private static func json(
        type: String = "producer", lag: Int = -1, offsets: (high: Int, app: Int) = (10, 4)
    ) -> Data {
        let broker = """
            "connects": 3, "disconnects": 2, "txerrs": 1, "rxerrs": 2, "req_timeouts": 4, "tx": 9,
            "rtt": {"min": 1, "avg": 1500, "p99": 9000}
            """
        let partition =
            "\"desired\": true, \"consumer_lag\": \(lag), \"hi_offset\": \(offsets.high), \"app_offset\": \(offsets.app)"
        return Data(
            """
            {"name": "x", "type": "\(type)", "msg_cnt": 5, "msg_size": 500, "msg_max": 100000, "msg_size_max": 268435456,
             "tx_bytes": 11, "rx_bytes": 12, "txmsgs": 13, "rxmsgs": 14,
             "brokers": {
               "h:1/7": {"source": "learned", "nodeid": 7, "state": "UP", \(broker)},
               "h:1/bootstrap": {"source": "configured", "nodeid": -1, "state": "DOWN", \(broker)},
               "GroupCoordinator": {"source": "logical", "nodeid": 7, "state": "UP", \(broker)}},
             "topics": {"t": {"topic": "t", "partitions": {
               "3": {"partition": 3, \(partition)},
               "4": {"partition": 4, "desired": false, "consumer_lag": 9, "hi_offset": 9, "app_offset": 9},
               "-1": {"partition": -1, \(partition)}}}}
             \(type == "consumer" ? ", \"cgrp\": {\"state\": \"up\", \"rebalance_cnt\": 2}" : "")}
            """.utf8)
    }

    private func samples(_ json: Data) throws -> [Sample] {
        try JSONDecoder().decode(KafkaFigures.self, from: json).samples(of: "c")
    }

    @Test func aProducerHasItsQueueAndItsBrokers() throws {
        let samples = try samples(Self.json())
        for sample in [
            Sample(.kafkaSentBytes, "c", value: 11), Sample(.kafkaReceivedBytes, "c", value: 12),
            Sample(.kafkaSentMessages, "c", value: 13), Sample(.kafkaReceivedMessages, "c", value: 14),
            Sample(.queueItems, "kafka", value: 5), Sample(.queueBytesLimit, "kafka", value: 268_435_456),
            Sample(.kafkaBrokerUp, "c", "7", value: 1), Sample(.kafkaBrokerErrors, "c", "7", value: 7),
            Sample(.kafkaBrokerConnections, "c", "7", value: 3),
            Sample(.kafkaBrokerRoundTrip, "c", "7", value: 0.0015),
        ] {
            #expect(samples.count { $0 == sample } == 1, "\(sample)")
        }
        #expect(samples.count { $0.metric == .kafkaBrokerUp } == 1, "each broker once")
        #expect(!samples.contains { $0.metric == .kafkaRebalances })
    }

    @Test(arguments: [(-1, 10, 4, 6.0), (2, 10, 4, 2), (-1, 4, 10, 0), (0, 10, 4, 0)])
    func theLagOfWhatIsAssigned(
        committed: Int, high: Int, app: Int, lag: Double
    ) throws {
        let samples = try samples(Self.json(type: "consumer", lag: committed, offsets: (high, app)))
        #expect(samples.filter { $0.metric == .kafkaLag } == [Sample(.kafkaLag, "c", "t", "3", value: lag)])
        #expect(samples.contains(Sample(.kafkaRebalances, "c", value: 2)))
        #expect(!samples.contains { $0.metric == .queueItems })
    }

    @Test func anUnknownLagIsNotShown() throws {
        let samples = try samples(Self.json(type: "consumer", lag: -1, offsets: (-1001, -1001)))
        #expect(!samples.contains { $0.metric == .kafkaLag })
    }
}
