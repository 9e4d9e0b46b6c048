import NIOPosix
import ServiceLifecycle

#if canImport(Glibc)
    internal import CMalloc
    import Glibc
#endif

/// Gives memory that is free back to the system now and then.
///
/// glibc keeps what lies free between blocks that are in use, so that after each burst a process would stay as large as its
/// largest one: edge-http held 54 MiB of which 3 were in use.
struct FreeMemory: Service {
    /// How often it looks, and the bytes that may stay. Giving back takes some milliseconds, in which others that allocate wait.
    private static let interval = Duration.seconds(30)
    private static let kept = 8 << 20

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: Self.interval)
                try await NIOThreadPool.singleton.runIfActive { Self.giveBack(over: Self.kept) }
            }
        }
    }

    /// - Parameter kept: bytes; with less than that free, nothing happens.
    static func giveBack(over kept: Int) {
        #if canImport(Glibc)
            if mallinfo2().fordblks > kept { malloc_trim(0) }
        #endif
    }

    /// glibc gives each thread an arena of its own. Threads are few here, and most of what they allocate comes from their caches.
    static func limitArenas() {
        #if canImport(Glibc)
            _ = mallopt(M_ARENA_MAX, 2)
        #endif
    }
}
