internal import CRdkafka

/// Asks the cluster for topics and offsets, and makes topics. Each call blocks a thread of its own, never the caller's.
public final class KafkaAdmin: Sendable {
    /// A topic to be made.
    public struct NewTopic: Sendable {
        public let name: String
        public let partitions: Int
        /// -1 takes the broker's default.
        public let replication: Int

        public init(name: String, partitions: Int, replication: Int) {
            self.name = name
            self.partitions = partitions
            self.replication = replication
        }
    }

    private static let timeout: Int32 = 5000
    private let handle: KafkaHandle

    init(_ handle: KafkaHandle) { self.handle = handle }

    /// Every topic and the number of its partitions. Asks for all, since asking for one may create it.
    public func topics() async throws(KafkaError) -> [String: Int] {
        try await call { client -> Result<[String: Int], KafkaError> in
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let result = rd_kafka_metadata(client, 1, nil, &metadata, Self.timeout)
            guard result == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
                return .failure(KafkaError(result))
            }
            defer { rd_kafka_metadata_destroy(metadata) }
            var topics: [String: Int] = [:]
            for index in 0..<Int(metadata.pointee.topic_cnt) {
                let topic = metadata.pointee.topics[index]
                guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
                topics[String(cString: topic.topic)] = Int(topic.partition_cnt)
            }
            return .success(topics)
        }
    }

    /// Makes topics; one that is there already is no error.
    public func createTopics(_ topics: [NewTopic]) async throws(KafkaError) {
        try await call { client -> Result<Void, KafkaError> in
            for topic in topics {
                if let error = Self.create(topic, client) { return .failure(error) }
            }
            return .success(())
        }
    }

    /// The first offset at or after a time (ms since 1970) of each partition; absent where there is none.
    public func offsets(
        forTime time: Int64, of partitions: [TopicPartition]
    ) async throws(KafkaError) -> [TopicPartition: Int64] {
        try await call { client -> Result<[TopicPartition: Int64], KafkaError> in
            KafkaEvents.withList(partitions.map { .init($0, time) }) { list in
                let result = rd_kafka_offsets_for_times(client, list, Self.timeout)
                guard result == RD_KAFKA_RESP_ERR_NO_ERROR, let list else {
                    return .failure(KafkaError(result))
                }
                var offsets: [TopicPartition: Int64] = [:]
                for index in 0..<Int(list.pointee.cnt) {
                    let element = list.pointee.elems[index]
                    guard element.err == RD_KAFKA_RESP_ERR_NO_ERROR, element.offset >= 0 else { continue }
                    offsets[TopicPartition(String(cString: element.topic), element.partition)] =
                        element.offset
                }
                return .success(offsets)
            }
        }
    }

    /// The first offset that is there and the one that comes next.
    public func watermarks(
        of partition: TopicPartition
    ) async throws(KafkaError) -> (low: Int64, high: Int64) {
        try await call { client -> Result<(low: Int64, high: Int64), KafkaError> in
            var low: Int64 = 0
            var high: Int64 = 0
            let result = rd_kafka_query_watermark_offsets(
                client, partition.topic, partition.partition, &low, &high, Self.timeout)
            guard result == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failure(KafkaError(result)) }
            return .success((low, high))
        }
    }

    private static func create(_ topic: NewTopic, _ client: OpaquePointer) -> KafkaError? {
        var reason = [CChar](repeating: 0, count: 256)
        guard
            var new = rd_kafka_NewTopic_new(
                topic.name, Int32(topic.partitions), Int32(topic.replication), &reason, reason.count)
        else {
            return KafkaError(
                RD_KAFKA_RESP_ERR__INVALID_ARG, String(nulTerminated: reason))
        }
        defer { rd_kafka_NewTopic_destroy(new) }
        let queue = KafkaQueue(rd_kafka_queue_new(client))
        let options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { rd_kafka_AdminOptions_destroy(options) }
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout, nil, 0)
        var list: OpaquePointer? = new
        rd_kafka_CreateTopics(client, &list, 1, options, queue.pointer)
        new = list ?? new
        guard let event = rd_kafka_queue_poll(queue.pointer, 2 * timeout) else {
            return KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
        }
        defer { rd_kafka_event_destroy(event) }
        let failure = rd_kafka_event_error(event)
        guard failure == RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaError(failure) }
        var count = 0
        guard
            let results = rd_kafka_CreateTopics_result_topics(
                rd_kafka_event_CreateTopics_result(event), &count),
            count == 1
        else { return KafkaError(RD_KAFKA_RESP_ERR__FAIL) }
        let code = rd_kafka_topic_result_error(results[0])
        if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { return nil }
        return KafkaError(code, rd_kafka_topic_result_error_string(results[0]).map { String(cString: $0) })
    }

    private func call<Value: Sendable>(
        _ body: @escaping @Sendable (OpaquePointer) -> Result<Value, KafkaError>
    ) async throws(KafkaError) -> Value {
        let result: Result<Value, KafkaError> = await withCheckedContinuation { continuation in
            Thread.start { [handle] in
                continuation.resume(returning: handle.use(body) ?? .failure(KafkaError.closed))
            }
        }
        return try result.get()
    }
}
