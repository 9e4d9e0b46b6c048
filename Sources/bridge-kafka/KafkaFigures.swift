import Foundation
import KafkaClient
import NIOCore
import Telemetry

extension KafkaStatistics {
    /// For a scrape.
    ///
    /// - Parameter client: what it is for.
    func samples(of client: String) -> [Sample] {
        guard let (json, age) = latest,
            let figures = try? JSONDecoder().decode(KafkaFigures.self, from: Data(json.utf8))
        else { return [] }
        return figures.samples(of: client)
            + [Sample(.kafkaStatisticsAge, client, value: Double(age.nanoseconds) / 1e9)]
    }
}

/// What is used of librdkafka's statistics (its STATISTICS.md).
struct KafkaFigures: Decodable {
    struct Broker: Decodable {
        struct Window: Decodable { let avg: Int }

        /// `learned` or `configured` when it is one of the cluster.
        let source: String
        let nodeid: Int
        let state: String
        let connects: Int
        let txerrs: Int
        let rxerrs: Int
        let req_timeouts: Int
        /// In microseconds.
        let rtt: Window
    }

    struct Topic: Decodable {
        let topic: String
        let partitions: [String: Partition]
    }

    struct Partition: Decodable {
        let partition: Int
        let desired: Bool
        let consumer_lag: Int
        let hi_offset: Int
        let app_offset: Int
    }

    struct Group: Decodable { let rebalance_cnt: Int }

    let type: String
    let msg_cnt: Int
    let msg_size: Int
    let msg_max: Int
    let msg_size_max: Int
    let tx_bytes: Int
    let rx_bytes: Int
    let txmsgs: Int
    let rxmsgs: Int
    let brokers: [String: Broker]
    let topics: [String: Topic]
    let cgrp: Group?

    func samples(of client: String) -> [Sample] {
        var samples = [
            Sample(.kafkaSentBytes, client, count: tx_bytes),
            Sample(.kafkaReceivedBytes, client, count: rx_bytes),
            Sample(.kafkaSentMessages, client, count: txmsgs),
            Sample(.kafkaReceivedMessages, client, count: rxmsgs),
        ]
        if type == "producer" {
            samples += Sample.queue(
                "kafka", items: msg_cnt, itemsLimit: msg_max, bytes: msg_size, bytesLimit: msg_size_max)
        }
        if let cgrp { samples.append(Sample(.kafkaRebalances, client, count: cgrp.rebalance_cnt)) }
        // The coordinator is one of the others once more; what a client begins with has no number.
        for broker in brokers.values where broker.nodeid >= 0 && broker.source != "logical" {
            samples += broker.samples(client)
        }
        for topic in topics.values {
            for partition in topic.partitions.values where partition.desired && partition.partition >= 0 {
                guard let lag = partition.lag else { continue }
                samples.append(
                    Sample(.kafkaLag, client, topic.topic, String(partition.partition), count: lag))
            }
        }
        return samples
    }
}

extension KafkaFigures.Broker {
    fileprivate func samples(_ client: String) -> [Sample] {
        let name = String(nodeid)
        return [
            Sample(.kafkaBrokerUp, client, name, value: state == "UP" ? 1 : 0),
            Sample(.kafkaBrokerRoundTrip, client, name, value: Double(rtt.avg) / 1e6),
            Sample(.kafkaBrokerErrors, client, name, count: txerrs + rxerrs + req_timeouts),
            Sample(.kafkaBrokerConnections, client, name, count: connects),
        ]
    }
}

extension KafkaFigures.Partition {
    /// To what was committed where something was, else to what was read; nil while neither is known.
    fileprivate var lag: Int? {
        if consumer_lag >= 0 { return consumer_lag }
        return hi_offset >= 0 && app_offset >= 0 ? max(0, hi_offset - app_offset) : nil
    }
}
