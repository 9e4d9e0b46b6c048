import Foundation

/// Times that other programs on the machine do not change.
enum CPUClock {
    /// Seconds that the calling thread has computed.
    static func thread() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

    /// Seconds that all threads of this process have computed.
    static func process() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

    /// Seconds that another process has computed, in steps of 10 ms; nil when it is gone.
    static func process(_ id: Int32) -> Double? {
        guard let line = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
            // The name in parentheses may hold anything.
            let fields = line.split(separator: ")").last?.split(separator: " "), fields.count > 12,
            let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// How often a piece of code runs in a second of one core's time.
struct Repetition {
    /// Seconds of each of the rounds.
    let seconds: Double
    private static let rounds = 5

    /// - Parameter body: returns something that depends on its work, so that the work cannot be left out.
    /// - Returns: the median of the rounds.
    func perSecond(_ body: () throws -> Int) rethrows -> Double {
        var sum = 0
        var batch = 1
        var rates: [Double] = []
        while rates.count < Self.rounds {
            let start = CPUClock.thread()
            for _ in 0..<batch { sum &+= try body() }
            let elapsed = CPUClock.thread() - start
            if elapsed < seconds / 2 {
                batch *= elapsed < seconds / 20 ? 8 : 2
            } else {
                rates.append(Double(batch) / elapsed)
            }
        }
        withExtendedLifetime(sum) {}
        return rates.sorted()[Self.rounds / 2]
    }
}
