public import NIOCore
import RawJSON

/// What is kept in Redis of an operation whose answer nobody may have taken: how the bridge writes it and edge-http
/// reads it.
public enum KeptReply {
    /// What `kind` says of the field `reply`.
    public enum Kind: String, Sendable {
        /// The service's answer.
        case value
        /// The service's error: an object, or a JSON string.
        case error
        /// A ``BridgeFailure`` as a JSON object.
        case failure
    }

    /// Before the id in an operation's key.
    public static let prefix = "vy:operation:"
    /// How long a reply is kept that no edge has asked to be kept yet: longer than an edge takes to come to that.
    public static let unclaimed = Duration.seconds(60)

    public static func key(_ id: BridgeRequestID) -> String { prefix + id.description }

    /// Writes a reply, of which the first final one counts. What an edge has registered has its expiry already.
    ///
    /// KEYS: the operation. ARGV: the kind, or `partial` for a value before the last one of a stream; the reply; the
    /// expiry (ms) of one that is not registered. A null at the end of a stream says that the value before was the last.
    public static let keepScript =
        """
        local known = redis.call('HMGET', KEYS[1], 'kind', 'caller', 'partial')
        if known[1] then return 0 end
        if ARGV[1] == 'partial' then
          redis.call('HSET', KEYS[1], 'partial', ARGV[2])
        else
          local reply = ARGV[2]
          if ARGV[1] == 'value' and reply == 'null' and known[3] then reply = known[3] end
          redis.call('HSET', KEYS[1], 'kind', ARGV[1], 'reply', reply)
          redis.call('HDEL', KEYS[1], 'partial')
        end
        if not known[2] then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        return 1
        """
}

extension BridgeOutcome {
    /// Nil when the reply is not what its kind says.
    public init?(kind: KeptReply.Kind, reply: ByteBuffer) {
        switch kind {
        case .value: self = .reply(reply)
        case .error: self = .serviceError(reply)
        case .failure:
            guard let failure = BridgeFailure(json: reply) else { return nil }
            self = .failure(failure)
        }
    }

    public var kept: (kind: KeptReply.Kind, reply: ByteBuffer) {
        switch self {
        case .reply(let body): (.value, body)
        case .serviceError(let error): (.error, error)
        case .failure(let failure): (.failure, failure.json)
        }
    }
}

extension BridgeFailure {
    var json: ByteBuffer {
        var text = ByteBuffer()
        text.writeStaticString("{\"code\":")
        text.writeJSONString(code)
        text.writeString(",\"outcome\":\"\(outcome.rawValue)\",\"message\":")
        text.writeJSONString(message)
        if let retryAfter { text.writeString(",\"retryAfter\":\(retryAfter)") }
        text.writeStaticString("}")
        return text
    }

    init?(json: ByteBuffer) {
        guard let object = try? RawJSON.object(json), let code = object["code"]?.string,
            let outcome = object["outcome"]?.string.flatMap(DeliveryOutcome.init),
            let message = object["message"]?.string
        else { return nil }
        self.init(
            code: code, outcome: outcome, message: message, retryAfter: object["retryAfter"]?.integer)
    }
}
