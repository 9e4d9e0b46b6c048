import NIOCore
import Shared
import Synchronization
import Testing
import Tracing

@testable import KafkaClient
@testable import OTLPTracing
@testable import bridge_kafka

@Suite final class RequestTracesTests {
    private let spans = Recorder()
    private var traces: RequestTraces
    private let edge = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private final class Recorder: Sendable {
        let spans = Mutex<[FinishedSpan]>([])
    }

    init() {
        let spans = spans
        traces = RequestTraces(ProcessTracer(ratio: 1) { span in spans.spans.withLock { $0.append(span) } })
    }

    private var ended: [FinishedSpan] { spans.spans.withLock { $0 } }

    private func request(_ trace: String?) -> BridgeRequest {
        BridgeRequest(
            topic: "pay.create",
            headers: [("x-request-id", "r")]
                + (trace.map { [("traceparent", $0), ("tracestate", "a=b")] } ?? []),
            body: ByteBuffer(string: "{}"), timeout: .seconds(1))
    }

    private func reply(_ trace: String? = nil) -> KafkaMessage {
        KafkaMessage(
            topic: "replies", partition: 3, offset: 7, timestamp: nil, key: nil,
            value: ByteBuffer(string: "{}"),
            headers: trace.map { [KafkaHeader("traceparent", $0)] } ?? [])
    }

    @Test func theRecordNamesTheSpanOfItsSending() throws {
        let request = request(edge)
        let sending = try #require(traces.sending(request))
        traces.produced(sending, 1, request.id)
        #expect(ended.isEmpty)
        traces.reported(DeliveryReport(token: 1, result: .delivered(partition: 2, offset: 9)))
        let span = try #require(ended.first)
        #expect(span.name == "send pay.create")
        #expect(span.kind == .producer)
        #expect(span.parent?.description == "b7ad6b7169203331")
        #expect(span.attributes["messaging.kafka.offset"]?.toSpanAttribute() == 9)
        #expect(sending.headers.map(\.name) == ["x-request-id", "traceparent", "tracestate"])
        #expect(sending.headers.map(\.value) == ["r", span.trace.parent, "a=b"])
        #expect(span.status == nil)
    }

    @Test func theReplyIsUnderTheRequest() throws {
        let request = request(edge)
        let sending = try #require(traces.sending(request))
        traces.produced(sending, 1, request.id)
        traces.received(reply(), id: request.id.description)?.end()
        let span = try #require(ended.first)
        #expect(span.name == "process replies")
        #expect(span.kind == .consumer)
        #expect(span.parent?.description == String(sending.headers[1].value.dropFirst(36).prefix(16)))
        #expect(span.attributes["messaging.destination.partition.id"]?.toSpanAttribute() == "3")
    }

    @Test func aServiceThatIsTracedItselfNamesTheParent() throws {
        let request = request(edge)
        traces.produced(try #require(traces.sending(request)), 1, request.id)
        let service = "00-0af7651916cd43dd8448eb211c80319c-00000000000000aa-01"
        traces.received(reply(service), id: request.id.description)?.end()
        #expect(ended.first?.parent?.description == "00000000000000aa")
    }

    @Test func aReplyOfNoTraceBeginsNone() {
        #expect(traces.received(reply(), id: BridgeRequestID.random().description) == nil)
        #expect(traces.received(reply(), id: nil) == nil)
        #expect(traces.received(reply("garbage"), id: "garbage") == nil)
    }

    @Test func failuresAreMarked() throws {
        let request = request(edge)
        traces.produced(try #require(traces.sending(request)), 1, request.id)
        traces.reported(DeliveryReport(token: 1, result: .notSent(.closed)))
        traces.reported(DeliveryReport(token: 1, result: .notSent(.closed)))
        try #require(traces.sending(request)).failed(.closed)
        #expect(ended.count == 2)
        #expect(ended.allSatisfy { $0.status?.code == .error })
        #expect(ended.allSatisfy { $0.attributes["error.type"]?.toSpanAttribute() == "_DESTROY" })
    }

    @Test func whatIsNotSampledIsPassedOnWithoutASpan() throws {
        let request = request(edge.dropLast(2) + "00")
        let sending = try #require(traces.sending(request))
        traces.produced(sending, 1, request.id)
        traces.reported(DeliveryReport(token: 1, result: .delivered(partition: 2, offset: 9)))
        #expect(ended.isEmpty)
        #expect(sending.headers[1].value.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-"))
        #expect(sending.headers[1].value.hasSuffix("-00"))
    }

    @Test func offChangesNothing() {
        let traces = RequestTraces(.off)
        #expect(traces.sending(request(edge)) == nil)
        #expect(traces.received(reply(edge), id: nil) == nil)
    }
}
