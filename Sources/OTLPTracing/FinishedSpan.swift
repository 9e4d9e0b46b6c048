import Shared
import Tracing

/// All that is told of a span that has ended.
struct FinishedSpan: Sendable {
    var name: String
    let kind: SpanKind
    let trace: TraceContext
    let parent: TraceContext.SpanID?
    /// Nanoseconds since 1970.
    let start: UInt64
    var end: UInt64
    var attributes = SpanAttributes()
    var events: [SpanEvent] = []
    var links: [(trace: TraceContext, attributes: SpanAttributes)] = []
    var status: SpanStatus?
}
