public import NIOCore

/// The id of one request: 128 random bits, written as 32 lower-case hexadecimal digits.
///
/// The edge makes it and it is the Kafka correlation id itself, so that a reply can be matched by any bridge.
public struct BridgeRequestID: Hashable, Sendable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    public static func random() -> BridgeRequestID {
        let (high, low) = RandomWords.pair()
        return BridgeRequestID(high: high, low: low)
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses exactly 32 lower-case hexadecimal digits; nil for anything else.
    public init?(_ text: some StringProtocol) {
        self.init(digits: text.utf8)
    }

    /// Parses exactly 32 lower-case hexadecimal digits; nil for anything else.
    public init?(digits: some Sequence<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        var count = 0
        for byte in digits {
            guard let value = HexDigits.value(byte) else { return nil }
            if count < 16 { words.0 = words.0 << 4 | value } else { words.1 = words.1 << 4 | value }
            count += 1
            if count > 32 { return nil }
        }
        guard count == 32 else { return nil }
        (high, low) = words
    }

    /// Parses a JSON string that has no escapes; nil for anything else.
    init?(literal: ByteBuffer) {
        guard literal.readableBytes == 34, literal.readableBytesView.first == UInt8(ascii: "\"") else {
            return nil
        }
        let id = literal.withUnsafeReadableBytes { BridgeRequestID(digits: $0[1..<33]) }
        guard let id else { return nil }
        self = id
    }

    public var description: String {
        String(unsafeUninitializedCapacity: 32) { digits in
            writeDigits(into: UnsafeMutableRawBufferPointer(digits))
            return 32
        }
    }

    /// - Parameter digits: room for 32 bytes.
    func writeDigits(into digits: UnsafeMutableRawBufferPointer) {
        HexDigits.write(high, into: digits, at: 0)
        HexDigits.write(low, into: digits, at: 16)
    }
}

/// What an edge asks of a service.
public struct BridgeRequest: Sendable, Equatable {
    public let id: BridgeRequestID
    /// The Kafka topic, which is the service's message pattern.
    public let topic: String
    /// The record key; nil writes a null key.
    public let key: String?
    /// Further record headers; names that begin with `kafka_` are the bridge's own and are refused there.
    public let headers: [(name: String, value: String)]
    /// One well-formed JSON value without leading white space. The caller has checked it; nobody does again.
    public let body: ByteBuffer
    /// How long the answer is awaited.
    public var timeout: Duration
    /// Whether the bridge keeps the reply in Redis also when the edge takes it: the edge may be gone before it has
    /// written down what it was told.
    public var keepsReply: Bool

    public init(
        id: BridgeRequestID = .random(), topic: String, key: String? = nil,
        headers: [(name: String, value: String)] = [], body: ByteBuffer, timeout: Duration,
        keepsReply: Bool = false
    ) {
        self.id = id
        self.topic = topic
        self.key = key
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.keepsReply = keepsReply
    }

    public static func == (left: BridgeRequest, right: BridgeRequest) -> Bool {
        left.id == right.id && left.topic == right.topic && left.key == right.key && left.body == right.body
            && left.timeout == right.timeout && left.keepsReply == right.keepsReply
            && left.headers.elementsEqual(right.headers, by: ==)
    }
}

/// What became of a request. Bodies are JSON values as the service wrote them.
public enum BridgeOutcome: Sendable, Equatable {
    /// The service answered with this value.
    case reply(ByteBuffer)
    /// The service answered with this error: an object, or a JSON string.
    case serviceError(ByteBuffer)
    /// No answer of the service can be shown.
    case failure(BridgeFailure)
}

/// How far a request came whose answer cannot be shown.
public enum DeliveryOutcome: String, Sendable {
    /// Certainly no message reached Kafka: safe to send again.
    case notSent = "not_sent"
    /// The message may or may not have been handled.
    case unknown
    /// The service did answer, but the answer cannot be passed on.
    case answered
}

/// Why the answer to a request cannot be shown.
public struct BridgeFailure: Error, Sendable, Equatable {
    /// A stable code, one of ``Code``'s or a later bridge's.
    public let code: String
    public let outcome: DeliveryOutcome
    /// For people; may name topics, never contains a body.
    public let message: String
    /// Seconds after which another attempt makes sense.
    public let retryAfter: Int?

    public init(code: String, outcome: DeliveryOutcome, message: String, retryAfter: Int? = nil) {
        self.code = code
        self.outcome = outcome
        self.message = message
        self.retryAfter = retryAfter
    }

    public init(_ code: Code, message: String, retryAfter: Int? = nil) {
        self.init(code: code.rawValue, outcome: code.outcome, message: message, retryAfter: retryAfter)
    }

    /// The codes of protocol version 1; each stands for one outcome.
    public enum Code: String, Sendable, CaseIterable {
        case draining
        case brokerUnavailable = "broker_unavailable"
        case topicMissing = "topic_missing"
        case queueFull = "queue_full"
        case windowExceeded = "window_exceeded"
        case duplicateID = "duplicate_id"
        case messageRejected = "message_rejected"
        case tooLarge = "too_large"
        case sendFailed = "send_failed"
        /// The edge has no connection to a bridge.
        case bridgeUnavailable = "bridge_unavailable"
        case sendUnconfirmed = "send_unconfirmed"
        case bridgeLost = "bridge_lost"
        case deadline
        /// The caller gave up before the answer came.
        case clientGone = "client_gone"
        case unreadableReply = "unreadable_reply"

        public var outcome: DeliveryOutcome {
            switch self {
            case .draining, .brokerUnavailable, .topicMissing, .queueFull, .windowExceeded, .duplicateID,
                .messageRejected, .tooLarge, .sendFailed, .bridgeUnavailable:
                .notSent
            case .sendUnconfirmed, .bridgeLost, .deadline, .clientGone: .unknown
            case .unreadableReply: .answered
            }
        }
    }
}

/// Where the bridge is, and what this edge is called there.
public struct BridgeClientConfiguration: Sendable {
    /// The paths of bridges' sockets; the first one that works is used, and another one when it is lost.
    public var paths: [String]
    /// `edge-http` or `edge-ws`.
    public var role: String
    public var instance: String
    public var build: String
    /// The longest frame, in bytes, read before a bridge has named its own limit.
    public var maxFrame = BridgeLimits.defaultMaxFrame

    public init(paths: [String], role: String, instance: String, build: String) {
        self.paths = paths
        self.role = role
        self.instance = instance
        self.build = build
    }
}
