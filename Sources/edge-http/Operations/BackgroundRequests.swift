import ServiceLifecycle
import Shared
import Synchronization
import Telemetry

/// Owns the requests that go on after their clients were answered: at most `limit`. A stopping process waits for them.
final class BackgroundRequests: Service {
    private let limit: Int
    private let jobs: JobRunner
    private let running = Atomic(0)
    private let refused = Atomic(0)

    init(limit: Int) {
        self.limit = limit
        jobs = JobRunner(capacity: limit)
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await jobs.run()
        } onGracefulShutdown: {
            self.jobs.stop()
        }
    }

    /// For a scrape.
    var samples: [Sample] {
        Sample.queue(
            "background", items: running.load(ordering: .relaxed), itemsLimit: limit,
            refused: refused.load(ordering: .relaxed))
    }

    /// - Returns: false when it will not run.
    func submit(_ job: @escaping @Sendable () async -> Void) -> Bool {
        guard running.add(1, ordering: .relaxed).newValue <= limit else {
            running.subtract(1, ordering: .relaxed)
            refused.add(1, ordering: .relaxed)
            return false
        }
        let isSubmitted = jobs.submit { [self] in
            defer { running.subtract(1, ordering: .relaxed) }
            await job()
        }
        if !isSubmitted { running.subtract(1, ordering: .relaxed) }
        return isSubmitted
    }
}
