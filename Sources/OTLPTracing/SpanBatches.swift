import DequeModule
import NIOCore

/// Decides when which spans are sent. It does no I/O: spans, answers and time in, ``Step`` out.
struct SpanBatches {
    enum Step: Equatable {
        /// Send ``SpanBatches/batch``; answered by ``SpanBatches/finished(_:_:)``.
        case send
        case wait(until: NIODeadline)
        /// Nothing to do before a span comes.
        case idle
        /// Stopped, and nothing is left to send.
        case done
    }

    enum Result: Equatable {
        case taken
        /// The collector has refused some for good.
        case partlyTaken(rejected: Int)
        /// It may be taken later.
        case failed(retryAfter: TimeAmount?)
        /// It never will be.
        case refused
    }

    /// OpenTelemetry's defaults for its batch processor.
    struct Limits {
        /// Spans that wait, those under way included; further ones are dropped.
        var capacity = 2048
        var batch = 512
        /// A span waits at most so long for others.
        var delay: TimeAmount = .seconds(5)
        var firstRetry: TimeAmount = .seconds(1)
        var longestRetry: TimeAmount = .seconds(30)
        /// Attempts for one batch.
        var attempts = 5
    }

    struct Counts: Equatable {
        var exported = 0
        var rejected = 0
        /// Given up after the last attempt, or at the end of the process.
        var failed = 0
        var dropped = 0
    }

    let limits: Limits
    private(set) var counts = Counts()
    private(set) var batch: [FinishedSpan] = []
    private var waiting: Deque<FinishedSpan> = []
    private var isSending = false
    private var isStopping = false
    private var failures = 0
    private var retryAt: NIODeadline?
    /// When the oldest that waits is due.
    private var dueAt: NIODeadline?

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { batch.count + waiting.count }

    /// - Returns: whether the sender is to look again: something is due earlier than before.
    mutating func add(_ span: FinishedSpan, _ now: NIODeadline) -> Bool {
        guard count < limits.capacity, !isStopping else {
            counts.dropped += 1
            return false
        }
        waiting.append(span)
        if dueAt == nil {
            dueAt = now + limits.delay
            return true
        }
        return waiting.count == limits.batch
    }

    /// From now on each batch has one more attempt, at once.
    mutating func stop() {
        isStopping = true
        retryAt = nil
    }

    mutating func next(_ now: NIODeadline) -> Step {
        guard !isSending else { return .idle }
        if batch.isEmpty {
            let isDue = waiting.count >= limits.batch || isStopping || (dueAt.map { $0 <= now } ?? false)
            guard isDue, !waiting.isEmpty else {
                return dueAt.map { .wait(until: $0) } ?? (isStopping ? .done : .idle)
            }
            batch = Array(waiting.prefix(limits.batch))
            waiting.removeFirst(batch.count)
            dueAt = waiting.isEmpty ? nil : now + limits.delay
        }
        if let retryAt, retryAt > now { return .wait(until: retryAt) }
        retryAt = nil
        isSending = true
        return .send
    }

    /// What became of the batch.
    mutating func finished(_ result: Result, _ now: NIODeadline) {
        guard isSending else { return }
        isSending = false
        switch result {
        case .taken: counts.exported += batch.count
        case .partlyTaken(let rejected):
            let rejected = min(max(0, rejected), batch.count)
            counts.rejected += rejected
            counts.exported += batch.count - rejected
        case .refused: counts.rejected += batch.count
        case .failed(let retryAfter):
            failures += 1
            if failures < limits.attempts, !isStopping {
                let doubled = limits.firstRetry.nanoseconds << Int64(min(failures - 1, 10))
                let pause = min(doubled, limits.longestRetry.nanoseconds)
                retryAt = now + max(.nanoseconds(pause), min(retryAfter ?? .zero, limits.longestRetry))
                return
            }
            counts.failed += batch.count
        }
        failures = 0
        batch = []
    }
}
