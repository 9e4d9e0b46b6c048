import Synchronization

/// Owns asynchronous work that is started where nobody awaits it. At most `capacity` jobs wait to be started; one more is
/// refused.
public final class JobRunner: Sendable {
    public typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let waitingJobs = Atomic(0)
    private let refusedJobs = Atomic(0)
    public let capacity: Int

    public init(capacity: Int = 4096) {
        self.capacity = capacity
        (jobs, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(capacity))
    }

    /// Starts a job soon.
    ///
    /// - Returns: false when it was refused and will not run.
    public func submit(_ job: @escaping Job) -> Bool {
        waitingJobs.add(1, ordering: .relaxed)
        if case .enqueued = continuation.yield(job) { return true }
        waitingJobs.subtract(1, ordering: .relaxed)
        refusedJobs.add(1, ordering: .relaxed)
        return false
    }

    /// Jobs that were not started yet.
    public var waiting: Int { waitingJobs.load(ordering: .relaxed) }
    public var refused: Int { refusedJobs.load(ordering: .relaxed) }

    /// Runs jobs until ``stop()``, then waits for those that run.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                waitingJobs.subtract(1, ordering: .relaxed)
                group.addTask { await job() }
            }
        }
    }

    public func stop() { continuation.finish() }
}
