/// Owns asynchronous work that is started where nobody awaits it. At most `capacity` jobs wait to be started; one more is
/// refused.
public final class JobRunner: Sendable {
    public typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation

    public init(capacity: Int = 4096) {
        (jobs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(capacity))
    }

    /// Starts a job soon.
    ///
    /// - Returns: false when it was refused and will not run.
    public func submit(_ job: @escaping Job) -> Bool {
        if case .enqueued = continuation.yield(job) { return true }
        return false
    }

    /// Runs jobs until ``stop()``, then waits for those that run.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
        }
    }

    public func stop() { continuation.finish() }
}
