internal import CRdkafka
public import Logging
import NIOCore

/// Reads records in batches; commits only what it is told to.
public final class KafkaConsumer: Sendable {
    private let handle: KafkaHandle
    private let queue: KafkaQueue
    public let statistics: KafkaStatistics

    /// - Parameters:
    ///   - fetchWait: how long a broker may hold an empty fetch.
    ///   - onEvents: events in batches and in order, on this client's thread; it must not block.
    /// - Throws: ``KafkaError`` for properties that librdkafka does not take.
    public init(
        _ configuration: KafkaConfiguration, mode: ConsumerMode, fetchWait: Duration,
        sessionTimeout: Duration = .seconds(30), logger: Logger,
        onEvents: @escaping @Sendable ([ConsumerEvent]) -> Void
    ) throws(KafkaError) {
        var properties = Self.properties(fetchWait: fetchWait, sessionTimeout: sessionTimeout)
        switch mode {
        case .assigned(_, let groupName):
            // librdkafka wants a name, though no group is ever joined.
            properties["group.id"] = groupName
            properties["auto.offset.reset"] = "earliest"
        case .group(_, let groupID, let instanceID, let startAtEarliest):
            properties["group.id"] = groupID
            properties["group.instance.id"] = instanceID
            properties["auto.offset.reset"] = startAtEarliest ? "earliest" : "latest"
        }
        let conf = try configuration.make(properties, events: RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE)
        let handle = try KafkaHandle(RD_KAFKA_CONSUMER, conf)
        self.handle = handle
        let opened = handle.use { client in
            rd_kafka_poll_set_consumer(client)
            return rd_kafka_queue_get_consumer(client)
        }
        guard let pointer = opened.flatMap({ $0 }) else { throw KafkaError.closed }
        let queue = KafkaQueue(pointer)
        self.queue = queue
        let statistics = KafkaStatistics()
        self.statistics = statistics
        handle.start { client in
            rd_kafka_set_log_queue(client, queue.pointer)
            var reader = ConsumerReader(client: client, statistics: statistics, logger: logger)
            reader.begin(mode)
            while !handle.isClosing {
                queue.poll(wait: reader.pause) { reader.read($0) }
                let events = reader.takeEvents()
                if !events.isEmpty { onEvents(events) }
            }
            // A static member does not leave its group by this, so its partitions wait for its return.
            if let error = KafkaError(taking: rd_kafka_consumer_close_queue(client, queue.pointer)) {
                KafkaEvents.log(error, logger)
                return
            }
            let deadline = NIODeadline.now() + .seconds(5)
            while rd_kafka_consumer_closed(client) == 0, NIODeadline.now() < deadline {
                queue.poll(limit: 1) { reader.read($0) }
            }
        }
    }

    static func properties(
        fetchWait: Duration, sessionTimeout: Duration = .seconds(30)
    ) -> [String: String] {
        let fetchMilliseconds =
            fetchWait.components.seconds * 1000
            + fetchWait.components.attoseconds / 1_000_000_000_000_000
        return [
            "enable.auto.commit": "false", "enable.auto.offset.store": "false",
            "allow.auto.create.topics": "false", "fetch.wait.max.ms": String(max(1, fetchMilliseconds)),
            "heartbeat.interval.ms": "1000", "fetch.error.backoff.ms": "100",
            "queued.max.messages.kbytes": "16384",
            "session.timeout.ms": String(sessionTimeout.components.seconds * 1000),
            "partition.assignment.strategy": "range,roundrobin",
            "topic.metadata.refresh.interval.ms": "10000",
            "reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "500",
        ]
    }

    /// Stops fetching; records already fetched may still come.
    public func pause(_ partitions: [TopicPartition]) {
        handle.use { client in
            KafkaEvents.withList(partitions.map { .init($0, 0) }) { rd_kafka_pause_partitions(client, $0) }
        }
    }

    public func resume(_ partitions: [TopicPartition]) {
        handle.use { client in
            KafkaEvents.withList(partitions.map { .init($0, 0) }) { rd_kafka_resume_partitions(client, $0) }
        }
    }

    /// Commits without waiting; each offset is that of the next record to be read.
    public func commit(_ offsets: [TopicPartitionOffset]) {
        handle.use { client in
            KafkaEvents.withList(offsets) { rd_kafka_commit(client, $0, 1) }
        }
    }

    /// Leaves off reading and ends the client.
    public func close() async { await handle.close(wake: queue) }
}

/// Turns a consumer's events into values. Used on the consumer's own thread only.
private struct ConsumerReader {
    let client: OpaquePointer
    let statistics: KafkaStatistics
    let logger: Logger
    private var events: [ConsumerEvent] = []
    private var reachability = KafkaReachability()

    init(client: OpaquePointer, statistics: KafkaStatistics, logger: Logger) {
        self.client = client
        self.statistics = statistics
        self.logger = logger
    }

    /// How long (ms) to wait for events; not at all when there are some.
    var pause: Int32 { events.isEmpty ? reachability.pause : 0 }

    mutating func begin(_ mode: ConsumerMode) {
        let result: rd_kafka_resp_err_t
        switch mode {
        case .assigned(let offsets, _):
            result = KafkaEvents.withList(offsets) { rd_kafka_assign(client, $0) }
            if result == RD_KAFKA_RESP_ERR_NO_ERROR { events.append(.assigned(offsets.map(\.partition))) }
        case .group(let topics, _, _, _):
            result = KafkaEvents.withList(topics.map { .init(.init($0, -1), 0) }) {
                rd_kafka_subscribe(client, $0)
            }
        }
        if result != RD_KAFKA_RESP_ERR_NO_ERROR { failed(KafkaError(result)) }
    }

    mutating func read(_ event: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_FETCH:
            while let message = rd_kafka_event_message_next(event) {
                guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    let text = rd_kafka_message_errstr(message).map { String(cString: $0) }
                    failed(KafkaError(message.pointee.err, text))
                    continue
                }
                events.append(.message(KafkaEvents.message(message)))
                if let change = reachability.succeeded() { events.append(.state(change)) }
            }
        case RD_KAFKA_EVENT_REBALANCE: rebalance(event)
        case RD_KAFKA_EVENT_ERROR: failed(KafkaEvents.error(event, of: client))
        case RD_KAFKA_EVENT_LOG: KafkaEvents.forwardLog(event, logger)
        case RD_KAFKA_EVENT_STATS: statistics.take(event)
        default: break
        }
    }

    mutating func takeEvents() -> [ConsumerEvent] {
        if let change = reachability.probe(client) { events.append(.state(change)) }
        defer { events = [] }
        return events
    }

    private mutating func rebalance(_ event: OpaquePointer) {
        let list = rd_kafka_event_topic_partition_list(event)
        if rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            rd_kafka_assign(client, list)
            events.append(.assigned(KafkaEvents.partitions(list)))
        } else {
            events.append(.revoked(KafkaEvents.partitions(list)))
            rd_kafka_assign(client, nil)
        }
    }

    private mutating func failed(_ error: KafkaError) {
        if let change = reachability.failed(error) { events.append(.state(change)) }
        KafkaEvents.log(error, logger)
        events.append(.error(error))
    }
}
