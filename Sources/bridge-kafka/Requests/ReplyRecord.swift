import KafkaClient
import NIOCore
import RawJSON
import Shared

/// What a record on the reply topic says, by the rules of NestJS' `KafkaParser` and `ClientKafka`.
struct ReplyRecord: Equatable {
    enum Content: Equatable {
        /// A JSON value; the last one when `final`.
        case value(ByteBuffer, final: Bool)
        /// The service's error: a JSON object, or a JSON string.
        case error(ByteBuffer)
        /// The service has answered, but not in a form that can be passed on.
        case unreadable(String)
    }

    enum HeaderName {
        static let correlationID = "kafka_correlationId"
        static let replyTopic = "kafka_replyTopic"
        static let replyPartition = "kafka_replyPartition"
        static let error = "kafka_nest-err"
        static let isDisposed = "kafka_nest-is-disposed"
    }

    /// The id as its header spells it; nil when there is none.
    let id: String?
    let content: Content

    init(_ record: KafkaMessage) {
        var id: String?
        var error: ByteBuffer??
        var final = false
        for header in record.headers {
            switch header.name {
            case HeaderName.correlationID:
                id = header.value.map { String(decoding: $0.readableBytesView, as: UTF8.self) }
            case HeaderName.error: error = .some(header.value)
            // Its presence counts, whatever its value; NestJS writes one zero byte.
            case HeaderName.isDisposed: final = true
            default: break
            }
        }
        self.id = id
        if let error {
            content = Self.parseError(error ?? ByteBuffer())
        } else {
            content = Self.parseValue(record.value, final: final)
        }
    }

    private static func parseValue(_ value: ByteBuffer?, final: Bool) -> Content {
        guard let value else { return .value(ByteBuffer(string: "null"), final: final) }
        switch value.readableBytesView.first {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            do throws(JSONSyntaxError) {
                // One level is the frame's.
                try RawJSON.validate(value, maxDepth: BridgeLimits.maxDepth - 1)
                return .value(value, final: final)
            } catch {
                guard error.reason != .tooDeep else { return .unreadable("the reply is nested too deeply") }
            }
        // Avro and schema registries begin with a zero byte; NestJS leaves that undecoded.
        case 0: return .unreadable("the reply is binary")
        default: break
        }
        guard let text = quoted(value) else { return .unreadable("the reply is not UTF-8") }
        return .value(text, final: final)
    }

    private static func parseError(_ error: ByteBuffer) -> Content {
        if error.readableBytesView.first == UInt8(ascii: "{"),
            (try? RawJSON.validate(error, maxDepth: BridgeLimits.maxDepth - 1)) != nil
        {
            return .error(error)
        }
        guard let text = quoted(error) else { return .unreadable("the service's error is not UTF-8") }
        return .error(text)
    }

    /// The text as a JSON string, or nil when it is not UTF-8.
    private static func quoted(_ text: ByteBuffer) -> ByteBuffer? {
        var literal = ByteBuffer()
        literal.reserveCapacity(text.readableBytes + 2)
        return literal.writeJSONString(utf8: text) ? literal : nil
    }
}
