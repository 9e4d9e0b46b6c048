import ServiceLifecycle

/// Owns the asynchronous work that the event loop asks for. At most `capacity` jobs wait; one more is refused.
final class JobRunner: Sendable {
    typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation

    init(capacity: Int = 4096) {
        (jobs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(capacity))
    }

    /// Starts a job soon.
    ///
    /// - Returns: false when it was refused and will not run.
    func submit(_ job: @escaping Job) -> Bool {
        if case .enqueued = continuation.yield(job) { return true }
        return false
    }

    /// Runs jobs until ``stop()``, then waits for those that run.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
        }
    }

    func stop() { continuation.finish() }
}
