import KafkaClient
import NIOCore
import RawJSON

/// Where a NestJS service sends a reply: the headers of the request (Kafka contract §1, §3).
struct ReplyAddress: Equatable {
    let correlationID: ByteBuffer
    let topic: String
    /// Nil lets the partitioner choose, as for a request without the header.
    let partition: Int32?

    /// Nil for an event, and for a partition that is no number: there a NestJS service loses the reply.
    init?(_ message: KafkaMessage) {
        guard let correlationID = message.header("kafka_correlationId")?.value,
            correlationID.readableBytes > 0,
            let topic = message.header("kafka_replyTopic")?.value, topic.readableBytes > 0
        else { return nil }
        self.correlationID = correlationID
        self.topic = String(buffer: topic)
        if let text = message.header("kafka_replyPartition")?.value {
            guard let number = Int32(String(buffer: text)) else { return nil }
            partition = number
        } else {
            partition = nil
        }
    }
}

/// One record of a reply as NestJS' ServerKafka writes it.
struct NestRecord: Equatable {
    var value: ByteBuffer?
    /// The text of `kafka_nest-err`.
    var error: String?
    /// Whether this ends the reply: only the header's presence counts, its value is one zero byte.
    var isLast = true

    func record(to address: ReplyAddress) -> ProducerRecord {
        var headers = [KafkaHeader("kafka_correlationId", address.correlationID)]
        if let error { headers.append(KafkaHeader("kafka_nest-err", error)) }
        if isLast { headers.append(KafkaHeader("kafka_nest-is-disposed", ByteBuffer(bytes: [0]))) }
        return ProducerRecord(
            topic: address.topic, partition: address.partition, value: value, headers: headers)
    }
}

/// How a test wants a request answered: `metadata.demo` of its body.
struct DemoInstructions: Equatable {
    var delay: TimeAmount = .zero
    var statusDelay: TimeAmount = .milliseconds(50)
    var reply: String?

    init(_ body: JSONObject) {
        guard let metadata = body["metadata"], let fields = try? RawJSON.object(metadata.text),
            let demo = fields["demo"], let instructions = try? RawJSON.object(demo.text)
        else { return }
        if let delay = instructions["delayMs"]?.integer { self.delay = .milliseconds(Int64(max(0, delay))) }
        if let delay = instructions["statusDelayMs"]?.integer {
            statusDelay = .milliseconds(Int64(max(0, delay)))
        }
        reply = instructions["reply"]?.string
    }

    /// The records in place of the plain answer `value`.
    func records(_ value: String) -> [NestRecord] {
        let plain = NestRecord(value: ByteBuffer(string: value))
        let stream = (0..<3).map { NestRecord(value: ByteBuffer(string: "{\"step\":\($0)}"), isLast: false) }
        switch reply {
        case "silent": return []
        case "text": return [NestRecord(value: ByteBuffer(string: "plain text"))]
        case "number": return [NestRecord(value: ByteBuffer(string: "123"))]
        case "null": return [NestRecord(value: nil)]
        case "buffer": return [NestRecord(value: ByteBuffer(bytes: [0x00, 0x01, 0x02]))]
        case "garbage": return [NestRecord(value: ByteBuffer(bytes: [0xFF, 0xFE, 0x80]))]
        case "rpc-text": return [NestRecord(error: #"{"status":"error","message":"text"}"#)]
        case "rpc-402":
            return [
                NestRecord(
                    error: #"{"status":402,"code":"card_declined","message":"Your card was declined."}"#)
            ]
        case "rpc-statusCode-409":
            return [NestRecord(error: #"{"statusCode":409,"message":"Already there."}"#)]
        case "internal-error":
            return [NestRecord(error: #"{"status":"error","message":"Internal server error"}"#)]
        case "stream":
            return stream.dropLast() + [NestRecord(value: ByteBuffer(string: "{\"step\":2}"))]
        case "stream-split-end": return stream + [NestRecord(value: nil)]
        case "stream-lost-end": return stream
        case "twice": return [plain, plain]
        default: return [plain]
        }
    }
}
