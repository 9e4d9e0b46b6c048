public import Shared
import Synchronization
public import Tracing

/// One piece of work within a trace. What is not sampled has a context to pass on and records nothing.
public final class TraceSpan: Span {
    /// OpenTelemetry's limit of attributes, events and links each.
    private static let most = 128

    private struct State {
        var span: FinishedSpan
        var isEnded = false
    }

    /// What is passed on to others: this span is their parent.
    public let trace: TraceContext
    public let context: ServiceContext
    private let state: Mutex<State>
    /// Nil where nothing is recorded.
    private let finished: (@Sendable (FinishedSpan) -> Void)?

    init(
        _ span: FinishedSpan, context: ServiceContext, finished: (@Sendable (FinishedSpan) -> Void)?
    ) {
        trace = span.trace
        var context = context
        context.trace = span.trace
        self.context = context
        state = Mutex(State(span: span))
        self.finished = finished
    }

    public var isRecording: Bool { finished != nil && state.withLock { !$0.isEnded } }

    public var operationName: String {
        get { state.withLock { $0.span.name } }
        set { change { $0.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0.span.attributes } }
        set { change { if newValue.count <= Self.most { $0.attributes = newValue } } }
    }

    public func setStatus(_ status: SpanStatus) { change { $0.status = status } }

    public func addEvent(_ event: SpanEvent) {
        change { if $0.events.count < Self.most { $0.events.append(event) } }
    }

    /// An event by OpenTelemetry's conventions for exceptions.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.type"] = "\(type(of: error))"
        attributes["exception.message"] = "\(error)"
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    public func addLink(_ link: SpanLink) {
        guard let trace = link.context.trace else { return }
        change { if $0.links.count < Self.most { $0.links.append((trace, link.attributes)) } }
    }

    /// Only the first end counts.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let finished else { return }
        let end = instant().nanosecondsSinceEpoch
        let span = state.withLock { state -> FinishedSpan? in
            guard !state.isEnded else { return nil }
            state.isEnded = true
            // The wall clock may have been set back meanwhile.
            state.span.end = max(state.span.start, end)
            return state.span
        }
        if let span { finished(span) }
    }

    private func change(_ change: (inout FinishedSpan) -> Void) {
        guard finished != nil else { return }
        state.withLock { state in
            if !state.isEnded { change(&state.span) }
        }
    }
}

extension TraceSpan {
    /// The work has failed, with an identifier of few values (`error.type`).
    public func fail(_ type: String, _ message: String? = nil) {
        attributes["error.type"] = type
        setStatus(SpanStatus(code: .error, message: message))
    }
}

private enum TraceKey: ServiceContextKey {
    typealias Value = TraceContext
    static let nameOverride: String? = "trace"
}

extension ServiceContext {
    /// The span that work in this context is part of.
    public var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }
}
