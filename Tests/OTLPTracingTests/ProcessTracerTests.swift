import Shared
import Synchronization
import Testing
import Tracing

@testable import OTLPTracing

/// Keeps what is recorded.
final class Recorded: Sendable {
    let spans = Mutex<[FinishedSpan]>([])

    func tracer(ratio: Double = 1) -> ProcessTracer {
        ProcessTracer(ratio: ratio) { span in self.spans.withLock { $0.append(span) } }
    }

    var all: [FinishedSpan] { spans.withLock { $0 } }
}

@Suite struct ProcessTracerTests {
    static let sampled = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    static let unsampled = TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")

    @Test func offMakesNothing() {
        #expect(!ProcessTracer.off.isOn)
        #expect(ProcessTracer.off.start("a", .server, in: Self.sampled) == nil)
    }

    @Test func aSpanGoesOnWithTheTraceOfItsCaller() throws {
        let recorded = Recorded()
        let span = try #require(recorded.tracer(ratio: 0).start("GET", .server, in: Self.sampled))
        #expect(span.isRecording)
        span.operationName = "GET /a"
        span.attributes["http.response.status_code"] = 200
        span.end()
        #expect(!span.isRecording)
        let finished = try #require(recorded.all.first)
        #expect(recorded.all.count == 1)
        #expect(finished.name == "GET /a")
        #expect(finished.kind == .server)
        #expect(finished.trace.traceID == Self.sampled?.traceID)
        #expect(finished.parent == Self.sampled?.spanID)
        #expect(finished.trace == span.trace)
        #expect(finished.start <= finished.end)
        #expect(finished.attributes["http.response.status_code"]?.toSpanAttribute() == 200)
    }

    @Test func whatIsNotSampledIsOnlyPassedOn() throws {
        let recorded = Recorded()
        let span = try #require(recorded.tracer().start("GET", .server, in: Self.unsampled))
        #expect(!span.isRecording)
        #expect(!span.trace.isSampled)
        #expect(span.trace.traceID == Self.unsampled?.traceID)
        span.fail("x")
        span.end()
        #expect(recorded.all.isEmpty)
    }

    @Test func theRatioIsOfTracesThatBeginHere() throws {
        #expect(Recorded().tracer(ratio: 0).start("a", .server, in: nil)?.isRecording == false)
        #expect(Recorded().tracer(ratio: 1).start("a", .server, in: nil)?.isRecording == true)
        let recorded = Recorded()
        let tracer = recorded.tracer(ratio: 0.25)
        for _ in 0..<4000 { tracer.start("a", .server, in: nil)?.end() }
        // 1,000 of them, give or take more than seven standard deviations.
        #expect((800...1200).contains(recorded.all.count))
        #expect(recorded.all.allSatisfy { $0.parent == nil && $0.trace.isSampled })
    }

    @Test func onlyTheFirstEndCountsAndNothingAfterIt() throws {
        let recorded = Recorded()
        let span = try #require(recorded.tracer().start("a", .internal, in: nil))
        span.end()
        span.operationName = "b"
        span.end()
        #expect(recorded.all.map(\.name) == ["a"])
    }

    @Test func failuresEventsAndLinksAreKept() throws {
        struct Broken: Error {}
        let recorded = Recorded()
        let tracer = recorded.tracer()
        let other = try #require(tracer.start("other", .producer, in: nil))
        let span = try #require(tracer.start("a", .consumer, in: nil))
        span.recordError(Broken())
        span.addLink(SpanLink(context: other.context, attributes: [:]))
        span.fail("timeout", "too late")
        for _ in 0..<200 { span.addEvent("again") }
        span.end()
        let finished = try #require(recorded.all.first)
        #expect(finished.events.first?.name == "exception")
        #expect(finished.events.count == 128)
        #expect(finished.links.map(\.trace) == [other.trace])
        #expect(finished.status == SpanStatus(code: .error, message: "too late"))
        #expect(finished.attributes["error.type"]?.toSpanAttribute() == "timeout")
    }

    /// As a library does that knows only of swift-distributed-tracing.
    @Test func contextsGoThroughCarriers() throws {
        struct Fields: Extractor, Injector {
            func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
            func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
                carrier[key] = value
            }
        }
        let given = ["traceparent": try #require(Self.sampled?.parent), "tracestate": "a=b"]
        let tracer = Recorded().tracer()
        var context = ServiceContext.topLevel
        tracer.extract(given, into: &context, using: Fields())
        var passed: [String: String] = [:]
        tracer.inject(context, into: &passed, using: Fields())
        #expect(passed == given)
        let span = tracer.startSpan("inner", context: context)
        passed = [:]
        tracer.inject(span.context, into: &passed, using: Fields())
        #expect(passed["traceparent"] == span.trace.parent)
        #expect(passed["tracestate"] == "a=b")
    }
}
