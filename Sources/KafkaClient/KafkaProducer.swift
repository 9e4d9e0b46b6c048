internal import CRdkafka
public import Logging
import NIOCore

/// An idempotent producer with acks=all. `produce` never blocks; what became of a record comes as a report.
public final class KafkaProducer: Sendable {
    private let handle: KafkaHandle
    private let queue: KafkaQueue
    /// Topics, partitions and offsets of the cluster, over this client's connections.
    public let admin: KafkaAdmin
    public let statistics: KafkaStatistics

    /// - Parameters:
    ///   - messageTimeout: how long a record may wait for its acknowledgement.
    ///   - onReports: reports in batches, on this client's thread; it must not block.
    ///   - onState: changes of reachability, on this client's thread.
    /// - Throws: ``KafkaError`` for properties that librdkafka does not take.
    public init(
        _ configuration: KafkaConfiguration, messageTimeout: Duration, logger: Logger,
        onReports: @escaping @Sendable ([DeliveryReport]) -> Void,
        onState: @escaping @Sendable (KafkaState) -> Void
    ) throws(KafkaError) {
        let milliseconds =
            messageTimeout.components.seconds * 1000
            + messageTimeout.components.attoseconds / 1_000_000_000_000_000
        let conf = try configuration.make(
            [
                "enable.idempotence": "true", "acks": "all", "linger.ms": "0",
                "message.timeout.ms": String(milliseconds),
                // kafkajs 2 places keys by murmur2, librdkafka's own default does not.
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": "100000", "queue.buffering.max.kbytes": "262144",
                "reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "500",
            ], events: RD_KAFKA_EVENT_DR)
        handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf)
        guard let queue = handle.use({ rd_kafka_queue_get_main($0) }).flatMap({ $0 }) else {
            throw KafkaError.closed
        }
        let kafkaQueue = KafkaQueue(queue)
        self.queue = kafkaQueue
        admin = KafkaAdmin(handle)
        let statistics = KafkaStatistics()
        self.statistics = statistics
        handle.start { [handle] client in
            rd_kafka_set_log_queue(client, nil)
            var reachability = KafkaReachability()
            var isBroken = false
            while !handle.isClosing {
                var reports: [DeliveryReport] = []
                var changes: [KafkaState] = []
                kafkaQueue.poll(wait: reachability.pause) { event in
                    switch rd_kafka_event_type(event) {
                    case RD_KAFKA_EVENT_DR: Self.read(event, into: &reports)
                    case RD_KAFKA_EVENT_ERROR:
                        let error = KafkaEvents.error(event, of: client)
                        if let change = reachability.failed(error) { changes.append(change) }
                        KafkaEvents.log(error, logger)
                    case RD_KAFKA_EVENT_LOG: KafkaEvents.forwardLog(event, logger)
                    case RD_KAFKA_EVENT_STATS: statistics.take(event)
                    default: break
                    }
                }
                if reports.contains(where: \.isDelivered), let change = reachability.succeeded() {
                    changes.append(change)
                }
                if !isBroken, let error = KafkaEvents.fatal(client) {
                    isBroken = true
                    changes.append(.broken(error))
                }
                if let change = reachability.probe(client) { changes.append(change) }
                if !reports.isEmpty { onReports(reports) }
                for change in changes { onState(change) }
            }
        } last: { client in
            rd_kafka_purge(client, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
            let deadline = NIODeadline.now() + .seconds(2)
            while rd_kafka_outq_len(client) > 0, NIODeadline.now() < deadline {
                var reports: [DeliveryReport] = []
                kafkaQueue.poll(wait: 20) { event in
                    if rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR { Self.read(event, into: &reports) }
                }
                if !reports.isEmpty { onReports(reports) }
            }
        }
    }

    /// Hands a record to librdkafka, which copies it. Its report carries `token`.
    ///
    /// - Throws: ``KafkaError`` when nothing was taken: the queue is full, the record too large, the topic unknown.
    public func produce(_ record: ProducerRecord, token: UInt64) throws(KafkaError) {
        guard let result = handle.use({ Self.produce(record, token, $0) }) else { throw KafkaError.closed }
        if let error = result { throw error }
    }

    /// Records that wait for their reports.
    public var pendingCount: Int { handle.use { Int(rd_kafka_outq_len($0)) } ?? 0 }

    /// Waits until every record has its report; false when some had not by the time.
    public func flush(timeout: Duration) async -> Bool {
        let deadline = ContinuousClock.now + timeout
        while pendingCount > 0 {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    /// Ends the client. Records without a report get theirs before this returns: what was on its way to a broker is
    /// unknown, the others were not sent.
    public func close() async { await handle.close(wake: queue) }

    private static func produce(
        _ record: ProducerRecord, _ token: UInt64, _ client: OpaquePointer
    ) -> KafkaError? {
        let headers = record.headers.isEmpty ? nil : rd_kafka_headers_new(record.headers.count)
        for header in record.headers {
            if let value = header.value {
                _ = value.withUnsafeReadableBytes { bytes in
                    rd_kafka_header_add(
                        headers, header.name, -1, bytes.baseAddress ?? emptyBytes, bytes.count)
                }
            } else {
                rd_kafka_header_add(headers, header.name, -1, nil, 0)
            }
        }
        let error = record.topic.withCString { topic in
            withBytes(record.value) { value in
                withBytes(record.key) { key in
                    withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 7) { arguments in
                        var count = 0
                        func add(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t) -> Void) {
                            var argument = rd_kafka_vu_t()
                            argument.vtype = type
                            set(&argument)
                            arguments.initializeElement(at: count, to: argument)
                            count += 1
                        }
                        add(RD_KAFKA_VTYPE_TOPIC) { $0.u.cstr = topic }
                        add(RD_KAFKA_VTYPE_MSGFLAGS) { $0.u.i = RD_KAFKA_MSG_F_COPY }
                        add(RD_KAFKA_VTYPE_OPAQUE) {
                            $0.u.ptr = UnsafeMutableRawPointer(bitPattern: UInt(token))
                        }
                        add(RD_KAFKA_VTYPE_VALUE) { $0.u.mem = value }
                        add(RD_KAFKA_VTYPE_KEY) { $0.u.mem = key }
                        if let partition = record.partition {
                            add(RD_KAFKA_VTYPE_PARTITION) { $0.u.i32 = partition }
                        }
                        if headers != nil { add(RD_KAFKA_VTYPE_HEADERS) { $0.u.headers = headers } }
                        return rd_kafka_produceva(client, arguments.baseAddress, count)
                    }
                }
            }
        }
        guard let failure = KafkaError(taking: error) else { return nil }
        // On success the headers belong to librdkafka, on failure still to us.
        if let headers { rd_kafka_headers_destroy(headers) }
        return failure
    }

    private static func read(_ event: OpaquePointer, into reports: inout [DeliveryReport]) {
        while let message = rd_kafka_event_message_next(event) {
            let token = UInt64(UInt(bitPattern: message.pointee._private))
            let error = KafkaError(message.pointee.err)
            let result: DeliveryResult
            switch rd_kafka_message_status(message) {
            case RD_KAFKA_MSG_STATUS_PERSISTED:
                result = .delivered(partition: message.pointee.partition, offset: message.pointee.offset)
            case RD_KAFKA_MSG_STATUS_NOT_PERSISTED: result = .notSent(error)
            default: result = .unknown(error)
            }
            reports.append(DeliveryReport(token: token, result: result))
        }
    }
}

extension DeliveryReport {
    fileprivate var isDelivered: Bool {
        if case .delivered = result { return true }
        return false
    }
}

/// Where an empty but not null value points: its bytes are never read.
private var emptyBytes: UnsafeRawPointer? { UnsafeRawPointer(bitPattern: 1) }

private func withBytes<Result>(
    _ buffer: ByteBuffer?, _ body: (rd_kafka_vu_s.__Unnamed_union_u.__Unnamed_struct_mem) -> Result
) -> Result {
    guard let buffer else { return body(.init(ptr: nil, size: 0)) }
    return buffer.withUnsafeReadableBytes { bytes in
        body(
            .init(
                ptr: UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? emptyBytes), size: bytes.count))
    }
}
