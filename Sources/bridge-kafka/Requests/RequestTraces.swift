import DequeModule
import KafkaClient
import NIOCore
import OTLPTracing
import Shared
import Tracing

/// The spans of requests on their way through Kafka, by OpenTelemetry's conventions for messaging: one until the broker has
/// the message, and one for each reply. Does nothing while traces are off.
struct RequestTraces {
    /// Requests whose trace is remembered for their replies; a service that is traced itself names it, too.
    private static let remembered = 8192

    /// A record that is being produced.
    struct Sending {
        fileprivate let span: TraceSpan
        /// Those of the request, with the span in the place of the edge's.
        let headers: [(name: String, value: String)]

        func failed(_ error: KafkaError) {
            span.fail(error.name, error.message)
            span.end()
        }
    }

    private let tracer: ProcessTracer
    /// By the token of the record; each is reported once.
    private var underWay: [UInt64: TraceSpan] = [:]
    private var sent: [BridgeRequestID: TraceContext] = [:]
    private var order: Deque<BridgeRequestID> = []

    init(_ tracer: ProcessTracer) { self.tracer = tracer }

    func sending(_ request: BridgeRequest) -> Sending? {
        guard let span = tracer.start("send \(request.topic)", .producer, in: request.trace) else {
            return nil
        }
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes.describeKafka("send", topic: request.topic)
                attributes["messaging.message.conversation_id"] = request.id.description
                attributes["messaging.message.body.size"] = request.body.readableBytes
            }
        }
        let fields = [TraceContext.parentField, TraceContext.stateField]
        return Sending(
            span: span, headers: request.headers.filter { !fields.contains($0.name) } + span.trace.fields)
    }

    mutating func produced(_ sending: Sending, _ token: UInt64, _ id: BridgeRequestID) {
        guard sending.span.isRecording else { return }
        underWay[token] = sending.span
        if sent.updateValue(sending.span.trace, forKey: id) == nil { order.append(id) }
        if order.count > Self.remembered, let oldest = order.popFirst() { sent[oldest] = nil }
    }

    mutating func reported(_ report: DeliveryReport) {
        guard let span = underWay.removeValue(forKey: report.token) else { return }
        switch report.result {
        case .delivered(let partition, let offset):
            span.updateAttributes { attributes in
                attributes["messaging.destination.partition.id"] = String(partition)
                attributes["messaging.kafka.offset"] = offset
            }
        case .notSent(let error), .unknown(let error): span.fail(error.name, error.message)
        }
        span.end()
    }

    /// A reply that belongs to no trace begins none.
    ///
    /// - Parameter id: as its header spells it.
    func received(_ record: KafkaMessage, id: String?) -> TraceSpan? {
        guard tracer.isOn,
            let parent = record.trace ?? id.flatMap({ BridgeRequestID($0) }).flatMap({ sent[$0] }),
            let span = tracer.start("process \(record.topic)", .consumer, in: parent)
        else { return nil }
        span.describe(record, "process")
        if let id, span.isRecording { span.attributes["messaging.message.conversation_id"] = id }
        return span
    }
}

extension BridgeRequest {
    fileprivate var trace: TraceContext? {
        TraceContext { name in headers.first { $0.name == name }?.value }
    }
}

extension KafkaMessage {
    /// The trace that its producer was part of.
    var trace: TraceContext? {
        TraceContext { name in
            header(name)?.value.flatMap { String(validating: $0.readableBytesView, as: UTF8.self) }
        }
    }
}

extension SpanAttributes {
    fileprivate mutating func describeKafka(_ operation: String, topic: String) {
        self["messaging.system"] = "kafka"
        self["messaging.operation.name"] = operation
        self["messaging.operation.type"] = operation
        self["messaging.destination.name"] = topic
    }
}

extension TraceSpan {
    /// What was read from where.
    func describe(_ record: KafkaMessage, _ operation: String) {
        guard isRecording else { return }
        updateAttributes { attributes in
            attributes.describeKafka(operation, topic: record.topic)
            attributes["messaging.destination.partition.id"] = String(record.partition)
            attributes["messaging.kafka.offset"] = record.offset
            if let value = record.value { attributes["messaging.message.body.size"] = value.readableBytes }
        }
    }
}
