internal import CRdkafka

/// An error of librdkafka or of a broker, in librdkafka's own words.
public struct KafkaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The number of `rd_kafka_resp_err_t`; negative ones are librdkafka's own.
    public let code: Int32
    public let message: String
    /// What a consumer could not read, where librdkafka says so.
    public let topic: String?

    init(_ code: rd_kafka_resp_err_t, _ message: String? = nil, topic: String? = nil) {
        self.code = code.rawValue
        self.message = message ?? String(cString: rd_kafka_err2str(code))
        self.topic = topic
    }

    /// Takes over and frees an error object; nil stands for success.
    init?(taking error: OpaquePointer?) {
        guard let error else { return nil }
        defer { rd_kafka_error_destroy(error) }
        self.init(rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)))
    }

    /// Such as `_TIMED_OUT`.
    public var name: String { String(cString: rd_kafka_err2name(.init(code))) }

    public var description: String { "\(name): \(message)" }

    /// The producer's queue is full: nothing was taken.
    public var isQueueFull: Bool { code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue }
    public var isTooLarge: Bool { code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE.rawValue }
    public var isUnknownTopic: Bool {
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC.rawValue
            || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue
    }
    /// The client cannot go on and has to be made anew.
    public var isFatal: Bool { code == RD_KAFKA_RESP_ERR__FATAL.rawValue }

    /// The cluster does not let this user read from a topic or be in the group.
    public var isAuthorization: Bool {
        code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED.rawValue
            || code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED.rawValue
    }

    static let closed = KafkaError(RD_KAFKA_RESP_ERR__DESTROY)
    /// Of one connection to one broker.
    var isOfConnection: Bool {
        [
            RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT,
        ].contains { $0.rawValue == code }
    }
    var isAllBrokersDown: Bool { code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN.rawValue }
}
