import Instrumentation
public import Shared
public import Tracing

/// Makes the spans of a process: those of a sampled trace are recorded, all others only pass its context on.
public struct ProcessTracer: Tracer {
    public typealias Span = TraceSpan

    /// Records nothing; contexts that come in are passed on as they are.
    public static let off = ProcessTracer(ratio: 0, finished: nil)

    private let ratio: Double
    private let finished: (@Sendable (FinishedSpan) -> Void)?

    /// - Parameter ratio: of the traces that begin here; those that come in are sampled as their callers say.
    init(ratio: Double, finished: (@Sendable (FinishedSpan) -> Void)?) {
        self.ratio = ratio
        self.finished = finished
    }

    public var isOn: Bool { finished != nil }

    /// Nil while traces are off, so that nothing is done for them.
    ///
    /// - Parameter parent: nil: a trace begins here.
    public func start(_ name: String, _ kind: SpanKind, in parent: TraceContext?) -> TraceSpan? {
        guard finished != nil else { return nil }
        var context = ServiceContext.topLevel
        context.trace = parent
        return startSpan(name, context: context, ofKind: kind, at: DefaultTracerClock.now)
    }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> TraceSpan {
        let context = context()
        let parent = context.trace
        let trace = parent?.child(.random()) ?? root()
        let start = instant().nanosecondsSinceEpoch
        return TraceSpan(
            FinishedSpan(
                name: operationName, kind: kind, trace: trace, parent: parent?.spanID, start: start,
                end: start),
            context: context, finished: trace.isSampled ? finished : nil)
    }

    private func root() -> TraceContext {
        let id = TraceContext.TraceID.random()
        return TraceContext(traceID: id, spanID: .random(), isSampled: isSampled(id))
    }

    /// As OpenTelemetry's `TraceIdRatioBased` decides, by the last 56 bits, so that others with the same ratio agree.
    private func isSampled(_ id: TraceContext.TraceID) -> Bool {
        let range = Double(1 << 56)
        return Double(id.randomness & (1 << 56 - 1)) < ratio * range
    }

    /// Spans leave by themselves (``SpanExporter``).
    public func forceFlush() {}

    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let trace = TraceContext({ extractor.extract(key: $0, from: carrier) }) else { return }
        context.trace = trace
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        for field in context.trace?.fields ?? [] {
            injector.inject(field.value, forKey: field.name, into: &carrier)
        }
    }
}
