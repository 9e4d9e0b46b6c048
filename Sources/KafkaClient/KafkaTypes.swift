public import NIOCore

/// What every client of one cluster shares.
public struct KafkaConfiguration: Sendable {
    /// `host:port`, several separated by commas.
    public var brokers: String
    public var clientID: String
    /// Further librdkafka properties; they win over the ones that a client sets by itself.
    public var properties: [String: String] = [:]

    public init(brokers: String, clientID: String) {
        self.brokers = brokers
        self.clientID = clientID
    }
}

/// A record header; a nil value is a header of null length.
public struct KafkaHeader: Sendable, Equatable {
    public let name: String
    public let value: ByteBuffer?

    public init(_ name: String, _ value: ByteBuffer?) {
        self.name = name
        self.value = value
    }

    public init(_ name: String, _ text: String) { self.init(name, ByteBuffer(string: text)) }
}

/// A record to be produced. A nil partition lets murmur2 of the key choose, and a nil key spreads the records.
public struct ProducerRecord: Sendable {
    public var topic: String
    public var partition: Int32?
    public var key: ByteBuffer?
    public var value: ByteBuffer?
    public var headers: [KafkaHeader]

    public init(
        topic: String, partition: Int32? = nil, key: ByteBuffer? = nil, value: ByteBuffer?,
        headers: [KafkaHeader] = []
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// What became of one produced record.
public enum DeliveryResult: Sendable, Equatable {
    case delivered(partition: Int32, offset: Int64)
    /// Certainly not in the log.
    case notSent(KafkaError)
    /// May be in the log: it was on its way when the connection or the time ended.
    case unknown(KafkaError)
}

public struct DeliveryReport: Sendable, Equatable {
    /// The token that was given to `produce`.
    public let token: UInt64
    public let result: DeliveryResult
}

/// Whether any broker can be reached.
public enum KafkaState: Sendable, Equatable {
    case up
    case down(String)
    /// An idempotent producer that can send nothing any more, for instance after the broker has lost data: what was
    /// under way gets its reports, and a new producer has to take its place.
    case broken(KafkaError)
}

public struct TopicPartition: Hashable, Sendable {
    public let topic: String
    public let partition: Int32

    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

public struct TopicPartitionOffset: Hashable, Sendable {
    public let partition: TopicPartition
    public let offset: Int64

    public init(_ partition: TopicPartition, _ offset: Int64) {
        self.partition = partition
        self.offset = offset
    }
}

/// A record as it was read; its bytes are the receiver's own.
public struct KafkaMessage: Sendable {
    public let topic: String
    public let partition: Int32
    public let offset: Int64
    /// Milliseconds since 1970, where the record has a time.
    public let timestamp: Int64?
    public let key: ByteBuffer?
    public let value: ByteBuffer?
    public let headers: [KafkaHeader]

    public init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64?, key: ByteBuffer?,
        value: ByteBuffer?, headers: [KafkaHeader]
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    public func header(_ name: String) -> KafkaHeader? { headers.last { $0.name == name } }
}

/// How a consumer comes to its partitions.
public enum ConsumerMode: Sendable {
    /// Exactly these, from these offsets. Joins no group, so no rebalance can take them away.
    case assigned([TopicPartitionOffset], groupName: String)
    /// What the group gives it. With an instance id it is a static member (KIP-345): a restart moves nothing.
    case group(topics: [String], groupID: String, instanceID: String?, startAtEarliest: Bool)
}

public enum ConsumerEvent: Sendable {
    case message(KafkaMessage)
    case assigned([TopicPartition])
    case revoked([TopicPartition])
    case error(KafkaError)
    case state(KafkaState)
}
