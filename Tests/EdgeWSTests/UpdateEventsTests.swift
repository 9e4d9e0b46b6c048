import NIOCore
import Shared
import SocketIO
import Synchronization
import Testing
import Tracing

@testable import OTLPTracing
@testable import edge_ws

@Suite struct UpdateEventsTests {
    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private final class Recorder: Sendable {
        let spans = Mutex<[FinishedSpan]>([])
        var tracer: ProcessTracer {
            ProcessTracer(ratio: 1) { span in self.spans.withLock { $0.append(span) } }
        }
    }

    private func update(_ trace: String?) -> UserUpdate {
        UserUpdate(
            id: StreamID(milliseconds: 5), previous: nil, event: "status",
            data: ByteBuffer(string: "{\"a\":1}"),
            trace: trace.flatMap { TraceContext(parent: $0) })
    }

    private func event(
        _ update: UserUpdate, _ tracer: ProcessTracer, offers: Bool = true, recovers: Bool = true
    ) -> EncodedEvent {
        let events = UpdateEvents(
            namespace: "/ns", recovery: Recovery(window: recovers ? .seconds(1) : .zero), tracer: tracer,
            offersTraceContext: offers)
        return events.withEvent(for: update, of: "u") { $0 }
    }

    private func wanted(_ arguments: String...) -> EncodedEvent {
        EncodedEvent(namespace: "/ns", name: "status", arguments: arguments.map { ByteBuffer(string: $0) })
    }

    @Test func anUpdateWithoutATraceIsWhatItWas() {
        let recorder = Recorder()
        #expect(event(update(nil), recorder.tracer) == wanted("{\"a\":1}", offset))
        #expect(event(update(nil), recorder.tracer, recovers: false) == wanted("{\"a\":1}"))
        #expect(recorder.spans.withLock { $0.isEmpty })
    }

    private var offset: String { "\"\(UpdateOffset(id: StreamID(milliseconds: 5), userID: "u"))\"" }

    @Test func theClientIsToldTheSpanThatSendsIt() throws {
        let recorder = Recorder()
        let event = event(update(Self.trace), recorder.tracer)
        let span = try #require(recorder.spans.withLock { $0.first })
        #expect(span.name == "send status")
        #expect(span.kind == .producer)
        #expect(span.parent?.description == "b7ad6b7169203331")
        let context = "{\"traceparent\":\"\(span.trace.parent)\"}"
        #expect(event == wanted("{\"a\":1}", context, offset))
    }

    @Test func withoutTracesOfItsOwnItPassesOnWhatCame() {
        let context = "{\"traceparent\":\"\(Self.trace)\"}"
        #expect(event(update(Self.trace), .off) == wanted("{\"a\":1}", context, offset))
    }

    @Test func nobodyIsToldWhereThatIsNotWanted() {
        let recorder = Recorder()
        #expect(
            event(update(Self.trace), recorder.tracer, offers: false)
                == wanted("{\"a\":1}", offset))
        #expect(recorder.spans.withLock { $0.count } == 1)
    }
}
