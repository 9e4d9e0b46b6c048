internal import CRdkafka
import Logging
import NIOCore

/// Reads librdkafka's events into values that outlive them.
enum KafkaEvents {
    static func error(_ event: OpaquePointer, of client: OpaquePointer) -> KafkaError {
        let code = rd_kafka_event_error(event)
        // The event of a fatal error has the code of its cause.
        if rd_kafka_event_error_is_fatal(event) != 0, let fatal = fatal(client) { return fatal }
        let text = rd_kafka_event_error_string(event).map { String(cString: $0) }
        return KafkaError(code, text, topic: topic(of: event) ?? text.flatMap(subscribedTopic))
    }

    private static func topic(of event: OpaquePointer) -> String? {
        guard let partition = rd_kafka_event_topic_partition(event) else { return nil }
        defer { rd_kafka_topic_partition_destroy(partition) }
        return String(cString: partition.pointee.topic)
    }

    /// librdkafka names a topic whose metadata it does not get in its text alone.
    static func subscribedTopic(_ text: String) -> String? {
        let start = "Subscribed topic not available: "
        guard text.hasPrefix(start) else { return nil }
        return String(text.dropFirst(start.count).prefix { $0 != ":" })
    }

    /// The error after which this client can do nothing any more, when there was one.
    static func fatal(_ client: OpaquePointer) -> KafkaError? {
        var reason = [CChar](repeating: 0, count: 512)
        let cause = rd_kafka_fatal_error(client, &reason, reason.count)
        guard cause != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(
            RD_KAFKA_RESP_ERR__FATAL,
            "\(String(cString: rd_kafka_err2name(cause))): \(String(nulTerminated: reason))")
    }

    static func log(_ error: KafkaError, _ logger: Logger) {
        logger.log(
            level: error.isFatal ? .critical : .warning, "kafka", metadata: ["error": "\(error)"])
    }

    /// Passes one line of librdkafka's own log on; its levels are those of syslog(3).
    static func forwardLog(_ event: OpaquePointer, _ logger: Logger) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let text else { return }
        logger.log(
            level: level <= 3 ? .notice : .debug, "librdkafka",
            metadata: [
                "facility": "\(facility.map { String(cString: $0) } ?? "")",
                "text": "\(String(cString: text))",
            ])
    }

    static func message(_ message: UnsafePointer<rd_kafka_message_t>) -> KafkaMessage {
        let record = message.pointee
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(message, &type)
        return KafkaMessage(
            topic: String(cString: rd_kafka_topic_name(record.rkt)), partition: record.partition,
            offset: record.offset,
            timestamp: type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : timestamp,
            key: buffer(record.key, record.key_len), value: buffer(record.payload, record.len),
            headers: headers(of: message))
    }

    private static func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else {
            return []
        }
        var headers: [KafkaHeader] = []
        headers.reserveCapacity(rd_kafka_header_cnt(list))
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(list, headers.count, &name, &value, &size)
            == RD_KAFKA_RESP_ERR_NO_ERROR, let name
        {
            headers.append(KafkaHeader(String(cString: name), buffer(value, size)))
        }
        return headers
    }

    private static func buffer(_ pointer: UnsafeRawPointer?, _ count: Int) -> ByteBuffer? {
        pointer.map { ByteBuffer(bytes: UnsafeRawBufferPointer(start: $0, count: count)) }
    }

    static func partitions(_ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition]
    {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).map { index in
            let element = list.pointee.elems[index]
            return TopicPartition(String(cString: element.topic), element.partition)
        }
    }

    /// Makes a C list for the time of `body`.
    static func withList<Result>(
        _ offsets: [TopicPartitionOffset],
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> Result
    ) -> Result {
        let list = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for entry in offsets {
            let element = rd_kafka_topic_partition_list_add(
                list, entry.partition.topic, entry.partition.partition)
            element?.pointee.offset = entry.offset
        }
        return body(list)
    }
}
