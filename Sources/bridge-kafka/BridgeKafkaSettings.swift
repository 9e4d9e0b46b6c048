import OTLPTracing
import RedisClient
import RedisSettings
import Shared

/// The settings of `bridge-kafka`.
struct BridgeKafkaSettings: ProcessSettings {
    static let process = "bridge-kafka"

    let bridgeSocket: String
    let adminHost: String
    let adminPort: Int
    /// Requests in flight per edge.
    let window: Int
    /// Bytes.
    let maxFrame: Int
    let allowedUserIDs: Set<UInt32>
    let broker: String
    let kafka: KafkaProperties
    let group: String
    let replyTopic: String
    let replyPartitions: Int
    let replicationFactor: Int
    let replyPartition: Int?
    let longestTimeout: Duration
    let sendTimeout: Duration
    /// Bytes.
    let messageLimit: Int
    let fetchWait: Duration
    let statusTopics: [String]
    let deadLetterTopic: String
    let statusUserField: String
    /// Nil: no update is told to be older than another.
    let statusVersionFields: StatusVersion.Fields?
    let historyLimit: Int
    let historyTTL: Duration
    /// Nil: no answers are cached.
    let cacheLifetime: Duration?
    let redis: RedisConfiguration
    /// Nil: no traces are made.
    let traces: TraceSettings?

    init(from reader: inout SettingsReader) {
        bridgeSocket = BridgeSocketSetting.read(&reader)
        adminHost = reader.string("ADMIN_HOST", default: "127.0.0.1", help: "Address of the admin servers.")
        adminPort = reader.port(
            "BRIDGE_ADMIN_PORT", default: 4140,
            help: "Admin port of bridge-kafka (`/livez`, `/readyz`, `/version`, `/counters`, `/metrics`, "
                + "`/errors`, `/report`).")
        window = reader.integer(
            "BRIDGE_WINDOW", default: 1024, in: 1...16_384,
            help:
                "Requests in flight on one connection of an edge, which has one for each of its event loops.")
        maxFrame = reader.bytes(
            "BRIDGE_MAX_FRAME", default: 2_097_152, in: 65_536...67_108_864,
            help: "Longest frame (bytes) on the bridge's socket; it bounds requests and replies.")
        let ids = reader.integers(
            "BRIDGE_ALLOWED_UIDS", default: "[]",
            help: "JSON array of the user ids that may connect to the bridge, beside its own.")
        allowedUserIDs = Set(ids.compactMap { UInt32(exactly: $0) })
        if allowedUserIDs.count < Set(ids).count {
            reader.mistake("BRIDGE_ALLOWED_UIDS: a user id is from 0 to \(UInt32.max)")
        }
        broker = reader.string(
            "KAFKA_BROKER", default: "127.0.0.1:9092",
            help: "Kafka brokers as host:port, separated by commas.")
        kafka = KafkaProperties(from: &reader)
        group = reader.string(
            "KAFKA_GROUP", default: "vy-gateway",
            help: "Consumer group of all bridges for the status topics; not that of a NestJS gateway.")
        replyTopic = Self.topic(
            "KAFKA_REPLY_TOPIC", default: "vy-gateway.reply",
            help: "Topic of the replies; created if missing.",
            &reader)
        replyPartitions = reader.integer(
            "KAFKA_REPLY_PARTITIONS", default: 8, in: 1...10_000,
            help: "Partitions of the reply topic when it is created.")
        replicationFactor = reader.integer(
            "KAFKA_REPLY_REPLICATION", default: 1, in: 1...100,
            help: "Replication factor of the topics that the bridge creates.")
        replyPartition = reader.optionalInteger(
            "KAFKA_REPLY_PARTITION", in: 0...9_999,
            help: "Partition that this bridge reads replies from; by default its INSTANCE decides.")
        longestTimeout = ReplyTimeoutSetting.readLongest(&reader)
        sendTimeout = reader.milliseconds(
            "KAFKA_SEND_TIMEOUT", default: 5000, in: 100...300_000,
            help: "Time (ms) within which Kafka has to acknowledge a message.")
        messageLimit = reader.bytes(
            "KAFKA_MESSAGE_LIMIT", default: 1_048_588, in: 1000...67_108_864,
            help: "Longest message (bytes) that the brokers take, their `message.max.bytes`.")
        fetchWait = reader.milliseconds(
            "KAFKA_FETCH_WAIT", default: 100, in: 1...60_000,
            help: "How long (ms) a broker may hold an empty fetch.")
        statusTopics = reader.strings(
            "KAFKA_STATUS_TOPICS", default: #"["payment-status-update"]"#,
            help: "JSON array of the topics whose messages are pushed to their users.")
        for topic in statusTopics where !TopicName.isValid(topic) {
            reader.mistake("KAFKA_STATUS_TOPICS: '\(topic)' is no name of a topic")
        }
        deadLetterTopic = Self.topic(
            "KAFKA_DEAD_LETTER_TOPIC", default: "vy-gateway.dead-letter",
            help: "Topic for status updates that name no user; created if missing.", &reader)
        statusUserField = reader.string(
            "STATUS_USER_FIELD", default: "userId", help: "Field of a status update that names its user.")
        let version = reader.optionalString(
            "STATUS_VERSION_FIELD",
            help:
                "Field of a status update that grows with each of one thing, a whole number or an RFC 3339 time; "
                + "what is not later than the last one is not pushed. Empty: all are.")
        let thing = reader.string(
            "STATUS_ID_FIELD", default: "id",
            help:
                "Field that says what STATUS_VERSION_FIELD is a version of; where it is missing, the record's key."
        )
        statusVersionFields = version.map { StatusVersion.Fields(version: $0, thing: thing) }
        historyLimit = reader.integer(
            "STATUS_HISTORY_LIMIT", default: 100, in: 1...100_000,
            help: "Status updates that are kept per user for clients that reconnect.")
        historyTTL = reader.milliseconds(
            "STATUS_HISTORY_TTL", default: 86_400_000, in: 1000...2_592_000_000,
            help: "Time (ms) after which a user's history expires if nothing is added.")
        cacheLifetime = CacheSetting.read(&reader)
        redis = RedisConfiguration(from: &reader)
        traces = TraceSettings.read(&reader)
    }

    private static func topic(
        _ name: String, default defaultText: String, help: String, _ reader: inout SettingsReader
    ) -> String {
        let topic = reader.string(name, default: defaultText, help: help)
        if !TopicName.isValid(topic) { reader.mistake("\(name): '\(topic)' is no name of a topic") }
        return topic
    }
}

/// What Kafka takes as the name of a topic (org.apache.kafka.common.internals.Topic).
enum TopicName {
    static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        guard (1...249).contains(bytes.count), name != ".", name != ".." else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

/// The partition of the reply topic that a bridge reads.
enum ReplyPartition {
    /// FNV-1a (64 bits) of the instance's name modulo the number of partitions: the same after every restart.
    static func of(instance: String, partitions: Int) -> Int32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in instance.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Int32(truncatingIfNeeded: hash % UInt64(max(1, partitions)))
    }
}
