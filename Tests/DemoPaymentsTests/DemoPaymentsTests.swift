import KafkaClient
import NIOCore
import RawJSON
import Testing

@testable import demo_payments

private func object(_ text: String) throws -> JSONObject { try RawJSON.object(ByteBuffer(string: text)) }

@Suite struct PaymentStoreTests {
    private func created(_ store: inout PaymentStore) throws -> JSONObject {
        try object(
            try store.createIntent(
                object(#"{"amount":1999,"currency":"usd","userId":123,"metadata":{"a":[1]}}"#), id: "pi_1",
                now: "t0"))
    }

    @Test func aPaymentMovesToSucceeded() throws {
        var store = PaymentStore()
        let intent = try created(&store)
        #expect(intent["status"]?.string == "requires_confirmation")
        #expect(intent["userId"]?.string == "123")
        #expect(intent["metadata"].map { String(buffer: $0.text) } == #"{"a":[1]}"#)
        let (reply, update) = try store.confirm(object(#"{"id":"pi_1"}"#), now: "t1")
        #expect(try object(reply)["status"]?.string == "processing")
        let first = try object(update.json)
        #expect(first["previousStatus"]?.string == "requires_confirmation")
        #expect(first["version"]?.integer == 2)
        let last = store.move("pi_1", to: "succeeded", now: "t2")
        #expect(try object(last?.json ?? "{}")["version"]?.integer == 3)
        #expect(throws: PaymentStore.Fault.self) { try store.confirm(object(#"{"id":"pi_1"}"#), now: "t3") }
        let tracking = try object(try store.tracking(object(#"{"id":"pi_1"}"#)))
        #expect(try tracking["history"].map { try RawJSON.array($0.text).count } == 3)
    }

    @Test func wrongRequestsAreRpcExceptions() throws {
        var store = PaymentStore()
        let missing = #"{"status":404,"code":"resource_missing","message":"No such payment_intent: 'x'"}"#
        #expect(throws: PaymentStore.Fault(json: missing)) { try store.intent(object(#"{"id":"x"}"#)) }
        for body in [
            "{}", #"{"amount":-1,"currency":"usd"}"#, #"{"amount":1.5,"currency":"usd"}"#, #"{"amount":1}"#,
        ] {
            #expect(throws: PaymentStore.Fault.self) {
                try store.createIntent(object(body), id: "i", now: "")
            }
        }
        #expect(throws: PaymentStore.Fault.self) { try store.refund(object("{}"), id: "re", now: "") }
        #expect(throws: PaymentStore.Fault.self) { try store.deleteMethod(object(#"{"id":"pm"}"#)) }
    }

    @Test func theOldestIsForgottenBeyondTheCap() throws {
        var store = PaymentStore(capacity: 2)
        for id in ["a", "b", "c"] { _ = store.createMethod(try object("{}"), id: id, now: "") }
        #expect(throws: PaymentStore.Fault.self) { try store.method(object(#"{"id":"a"}"#)) }
        #expect(try store.method(object(#"{"id":"c"}"#)).contains("payment_method"))
    }
}

@Suite struct NestReplyTests {
    private func message(_ headers: [KafkaHeader]) -> KafkaMessage {
        KafkaMessage(
            topic: "t", partition: 0, offset: 0, timestamp: nil, key: nil, value: nil, headers: headers)
    }

    @Test func repliesGoWhereTheHeadersSay() throws {
        let address = try #require(
            ReplyAddress(
                message([
                    KafkaHeader("kafka_correlationId", "c1"), KafkaHeader("kafka_replyTopic", "r"),
                    KafkaHeader("kafka_replyPartition", "3"),
                ])))
        let record = NestRecord(value: nil, error: "e").record(to: address)
        #expect(record.topic == "r")
        #expect(record.partition == 3)
        #expect(record.key == nil)
        #expect(
            record.headers == [
                KafkaHeader("kafka_correlationId", "c1"), KafkaHeader("kafka_nest-err", "e"),
                KafkaHeader("kafka_nest-is-disposed", ByteBuffer(bytes: [0])),
            ])
    }

    @Test func eventsAndGarbledPartitionsGetNoReply() {
        #expect(ReplyAddress(message([])) == nil)
        #expect(ReplyAddress(message([KafkaHeader("kafka_correlationId", "c")])) == nil)
        #expect(
            ReplyAddress(
                message([
                    KafkaHeader("kafka_correlationId", "c"), KafkaHeader("kafka_replyTopic", "r"),
                    KafkaHeader("kafka_replyPartition", "Infinity"),
                ])) == nil)
    }

    @Test func instructionsShapeTheReply() throws {
        func records(_ reply: String) throws -> [NestRecord] {
            DemoInstructions(try object("{\"metadata\":{\"demo\":{\"reply\":\"\(reply)\",\"delayMs\":5}}}"))
                .records("{}")
        }
        #expect(try records("silent").isEmpty)
        #expect(try records("null") == [NestRecord(value: nil)])
        #expect(try records("stream").map(\.isLast) == [false, false, true])
        #expect(try records("stream-split-end").map(\.isLast) == [false, false, false, true])
        #expect(try records("stream-lost-end").map(\.isLast) == [false, false, false])
        #expect(try records("twice").count == 2)
        #expect(try records("rpc-402").first?.error?.contains("card_declined") == true)
        #expect(DemoInstructions(try object("{\"metadata\":5}")).records("1").count == 1)
    }
}
