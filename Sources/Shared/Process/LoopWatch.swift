public import NIOCore
public import NIOPosix
public import ServiceLifecycle
import Synchronization

/// Whether the event loops and the concurrency pool turn: each has a timer that runs every ``interval``.
///
/// A thread of its own has such a timer too, and judges the others by how often that has run since, not by the clock: a
/// process that was stopped as a whole (by a signal, or with its machine) is not taken for one that hangs when it goes on.
public final class LoopWatch: Service {
    public enum Executor: String, CaseIterable, Sendable {
        case eventLoop = "event_loop"
        case pool
    }

    /// When a timer last ran: on the monotonic clock, and by the watching thread's count.
    private final class Turn: Sendable {
        let name: String
        private let nanoseconds = Atomic(NIODeadline.now().uptimeNanoseconds)
        private let count = Atomic(0)

        init(_ name: String) { self.name = name }

        /// Turns of the watching thread since.
        func age(at now: Int) -> Int { max(0, now - count.load(ordering: .relaxed)) }

        /// - Returns: nanoseconds since the last turn.
        func turned(at now: Int) -> Int64 {
            count.store(now, ordering: .relaxed)
            let time = NIODeadline.now().uptimeNanoseconds
            let last = nanoseconds.exchange(time, ordering: .relaxed)
            return time > last ? Int64(clamping: time - last) : 0
        }
    }

    public static let interval = TimeAmount.milliseconds(250)
    /// Nothing on an event loop takes more than some milliseconds; one that has not turned for so long never will.
    public static let limit = TimeAmount.seconds(10)

    /// A loop on the watching thread, for what has to answer while the others hang. It lives as long as the process.
    public let eventLoop: any EventLoop
    private let watcher = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loops: [any EventLoop]
    private let turns: [Turn]
    private let pool = Turn("the concurrency pool")
    /// Turns of the watching thread.
    private let count = Atomic(0)
    private let limit: TimeAmount
    private let onTurn: @Sendable (Executor, _ late: Duration) -> Void

    /// - Parameter onTurn: is told at each turn how late it was; called on the loop or the pool.
    public init(
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        limit: TimeAmount = LoopWatch.limit,
        onTurn: @escaping @Sendable (Executor, _ late: Duration) -> Void = { _, _ in }
    ) {
        eventLoop = watcher.any()
        loops = Array(group.makeIterator())
        turns = loops.indices.map { Turn("event loop \($0)") }
        self.limit = limit
        self.onTurn = onTurn
    }

    /// Watches until the process has stopped all that was started after this.
    public func run() async throws {
        let tasks = watch()
        _ = pool.turned(at: now)
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .nanoseconds(Self.interval.nanoseconds))
                self.turned(self.pool, .pool)
            }
        }
        for task in tasks { task.cancel() }
    }

    private var now: Int { count.load(ordering: .relaxed) }

    private func watch() -> [RepeatedTask] {
        let watching = eventLoop.scheduleRepeatedTask(
            initialDelay: Self.interval, delay: Self.interval
        ) { _ in self.count.add(1, ordering: .relaxed) }
        return [watching]
            + zip(loops, turns).map { loop, turn in
                _ = turn.turned(at: now)
                return loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in
                    self.turned(turn, .eventLoop)
                }
            }
    }

    private func turned(_ turn: Turn, _ executor: Executor) {
        onTurn(executor, .nanoseconds(max(0, turn.turned(at: now) - Self.interval.nanoseconds)))
    }

    /// How long ago the latest loop turned, in whole turns of the watching thread.
    public func lastTurn(of executor: Executor) -> Duration {
        let turns = executor == .pool ? [pool] : turns
        return Self.duration(turns.map { $0.age(at: now) }.max() ?? 0)
    }

    /// One sentence for each loop that does not turn; empty when the process lives.
    public var stalled: [String] {
        let now = now
        return (turns + [pool]).compactMap { turn in
            let age = Self.duration(turn.age(at: now))
            guard age > .nanoseconds(limit.nanoseconds) else { return nil }
            return "\(turn.name) has not turned for \(age.components.seconds) s"
        }
    }

    private static func duration(_ turns: Int) -> Duration { .nanoseconds(interval.nanoseconds) * turns }
}
