public import NIOCore
public import NIOPosix
public import ServiceLifecycle
import Synchronization

/// Whether the event loops and the concurrency pool turn: each has a timer that runs every ``interval``.
///
/// A thread of its own has such a timer too, and judges the others by it and not by the clock, so that a process that was
/// stopped as a whole (by a signal, or with its machine) is not taken for one that hangs when it goes on.
public final class LoopWatch: Service {
    public enum Executor: String, CaseIterable, Sendable {
        case eventLoop = "event_loop"
        case pool
    }

    /// When a timer last ran, on the monotonic clock.
    private final class Turn: Sendable {
        let name: String
        private let nanoseconds: Atomic<UInt64>

        init(_ name: String) {
            self.name = name
            nanoseconds = Atomic(NIODeadline.now().uptimeNanoseconds)
        }

        var last: UInt64 { nanoseconds.load(ordering: .relaxed) }

        /// - Returns: nanoseconds since the last turn.
        func turned() -> UInt64 {
            let now = NIODeadline.now().uptimeNanoseconds
            let last = nanoseconds.exchange(now, ordering: .relaxed)
            return now > last ? now - last : 0
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
    private let own = Turn("watch")
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
        _ = pool.turned()
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .nanoseconds(Self.interval.nanoseconds))
                self.turned(self.pool, .pool)
            }
        }
        for task in tasks { task.cancel() }
    }

    private func watch() -> [RepeatedTask] {
        let own = own
        let watching = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { _ in
            _ = own.turned()
        }
        return [watching]
            + zip(loops, turns).map { loop, turn in
                _ = turn.turned()
                return loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in
                    self.turned(turn, .eventLoop)
                }
            }
    }

    private func turned(_ turn: Turn, _ executor: Executor) {
        let late = Int64(clamping: turn.turned()) - Self.interval.nanoseconds
        onTurn(executor, .nanoseconds(max(0, late)))
    }

    /// How long ago the latest loop turned, as the watching thread sees it.
    public func lastTurn(of executor: Executor) -> Duration {
        let oldest = executor == .pool ? pool.last : turns.map(\.last).min() ?? own.last
        return .nanoseconds(Int64(clamping: own.last > oldest ? own.last - oldest : 0))
    }

    /// One sentence for each loop that does not turn; empty when the process lives.
    public var stalled: [String] {
        let now = own.last
        return (turns + [pool]).compactMap { turn in
            let last = turn.last
            guard now > last, now - last > UInt64(limit.nanoseconds) else { return nil }
            return "\(turn.name) has not turned for \((now - last) / 1_000_000_000) s"
        }
    }
}
