import Foundation
import KafkaClient
import NIOCore
import RawJSON
import Synchronization

/// The demo's handlers: takes requests, answers them, and publishes status updates. Unlike a NestJS service it lets no
/// slow request delay the next one, so that it can also stand behind a load test.
final class PaymentService: Sendable {
    static let operations = [
        "payment-intents.create", "payment-intents.get", "payment-intents.ztracking",
        "payment-intents.confirm", "refunds.create", "payment-refunds.get", "payment-methods.create",
        "payment-methods.get", "payment-methods.delete",
    ]
    static let prefix = "vy-finance-payments."

    private let statusTopic: String
    private let eventLoop: any EventLoop
    private let produce: @Sendable (ProducerRecord) -> Void
    private let store = Mutex(PaymentStore())

    /// - Parameter produce: sends a record and does not block.
    init(statusTopic: String, eventLoop: any EventLoop, produce: @escaping @Sendable (ProducerRecord) -> Void)
    {
        self.statusTopic = statusTopic
        self.eventLoop = eventLoop
        self.produce = produce
    }

    func handle(_ message: KafkaMessage) {
        // A NestJS service hands anything else to its handler as text; none of these operations takes that.
        let body = message.value.flatMap { try? RawJSON.object($0, maxDepth: 512) } ?? JSONObject(members: [])
        let instructions = DemoInstructions(body)
        // As OpenTelemetry's instrumentation of kafkajs does for a service, but for spans of its own.
        let trace = message.headers.filter { ["traceparent", "tracestate"].contains($0.name) }
        let records: [NestRecord]
        do throws(PaymentStore.Fault) {
            records = instructions.records(try perform(message.topic, body, instructions, trace))
        } catch {
            records = instructions.reply == "silent" ? [] : [NestRecord(error: error.json)]
        }
        guard let address = ReplyAddress(message) else { return }
        after(instructions.delay) { [produce] in
            for record in records {
                var reply = record.record(to: address)
                reply.headers += trace
                produce(reply)
            }
        }
    }

    private func perform(
        _ topic: String, _ body: JSONObject, _ instructions: DemoInstructions,
        _ trace: [KafkaHeader]
    ) throws(PaymentStore.Fault) -> String {
        let now = Date().ISO8601Format()
        switch topic.dropFirst(Self.prefix.count) {
        case "payment-intents.create":
            return try with { store throws(PaymentStore.Fault) in
                try store.createIntent(body, id: Self.newID("pi"), now: now)
            }
        case "payment-intents.get":
            return try with { store throws(PaymentStore.Fault) in try store.intent(body) }
        case "payment-intents.ztracking":
            return try with { store throws(PaymentStore.Fault) in try store.tracking(body) }
        case "payment-intents.confirm":
            let (reply, update) = try with { store throws(PaymentStore.Fault) in
                try store.confirm(body, now: now)
            }
            publish(update, trace)
            after(instructions.statusDelay) { [self] in
                publish(
                    store.withLock { $0.move(update.id, to: "succeeded", now: Date().ISO8601Format()) }, trace
                )
            }
            return reply
        case "refunds.create":
            let (reply, update) = try with { store throws(PaymentStore.Fault) in
                try store.refund(body, id: Self.newID("re"), now: now)
            }
            publish(update, trace)
            return reply
        case "payment-refunds.get":
            return try with { store throws(PaymentStore.Fault) in try store.refund(body) }
        case "payment-methods.create":
            return store.withLock { $0.createMethod(body, id: Self.newID("pm"), now: now) }
        case "payment-methods.get":
            return try with { store throws(PaymentStore.Fault) in try store.method(body) }
        case "payment-methods.delete":
            return try with { store throws(PaymentStore.Fault) in try store.deleteMethod(body) }
        default:
            throw PaymentStore.Fault(
                json: #"{"status":"error","message":"There is no matching message handler"}"#)
        }
    }

    private func with<Value>(
        _ body: (inout PaymentStore) throws(PaymentStore.Fault) -> sending Value
    ) throws(PaymentStore.Fault) -> Value {
        try store.withLock { store throws(PaymentStore.Fault) in try body(&store) }
    }

    private func publish(_ update: PaymentStore.StatusUpdate?, _ trace: [KafkaHeader]) {
        guard let update else { return }
        produce(
            ProducerRecord(
                topic: statusTopic, key: ByteBuffer(string: update.id),
                value: ByteBuffer(string: update.json),
                headers: trace))
    }

    private func after(_ delay: TimeAmount, _ body: @escaping @Sendable () -> Void) {
        if delay == .zero { body() } else { eventLoop.scheduleTask(in: delay, body) }
    }

    private static func newID(_ prefix: String) -> String {
        var generator = SystemRandomNumberGenerator()
        return "\(prefix)_" + String(generator.next(), radix: 36) + String(generator.next(), radix: 36)
    }
}
