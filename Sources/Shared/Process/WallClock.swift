#if canImport(Glibc)
    import Glibc
#endif

/// The time of day, for values that leave the process. Deadlines inside it use monotonic clocks.
public enum WallClock {
    public static func millisecondsSince1970() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
