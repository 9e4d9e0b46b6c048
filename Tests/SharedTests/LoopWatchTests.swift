import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import Shared

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct LoopWatchTests {
    /// Runs a watch while `body` does.
    private func watching(
        _ group: MultiThreadedEventLoopGroup, limit: TimeAmount,
        onTurn: @escaping @Sendable (LoopWatch.Executor, Duration) -> Void = { _, _ in },
        _ body: (LoopWatch) async throws -> Void
    ) async throws {
        let watch = LoopWatch(group: group, limit: limit, onTurn: onTurn)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await watch.run() }
            try await body(watch)
            tasks.cancelAll()
        }
    }

    private func wait(until condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition(), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(condition())
    }

    @Test func loopsThatTurnLive() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let turns = Mutex<[LoopWatch.Executor: Int]>([:])
        try await watching(
            group, limit: .seconds(5),
            onTurn: { executor, _ in turns.withLock { $0[executor, default: 0] += 1 } }
        ) { watch in
            try await wait {
                turns.withLock { $0[.eventLoop, default: 0] > 3 && $0[.pool, default: 0] > 1 }
            }
            #expect(watch.stalled == [])
            #expect(watch.lastTurn(of: .eventLoop) < .seconds(5))
        }
        try await group.shutdownGracefully()
    }

    @Test func aLoopThatHangsIsNamedUntilItTurnsAgain() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let release = Atomic(false)
        try await watching(group, limit: .milliseconds(800)) { watch in
            let loops = Array(group.makeIterator())
            loops[1].execute { while !release.load(ordering: .relaxed) { sleepBriefly() } }
            try await wait { watch.stalled.contains { $0.hasPrefix("event loop 1 has not turned") } }
            #expect(!watch.stalled.contains { $0.hasPrefix("event loop 0") })
            #expect(watch.lastTurn(of: .eventLoop) > .milliseconds(800))
            release.store(true, ordering: .relaxed)
            try await wait { watch.stalled.isEmpty }
        }
        try await group.shutdownGracefully()
    }
}

private func sleepBriefly() { usleep(1000) }
