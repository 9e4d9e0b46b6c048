#if canImport(Glibc)
    import Glibc
#endif

/// What the kernel knows of this process (proc(5)).
public enum ProcessFigures {
    public static func samples() -> [Sample] {
        var samples: [Sample] = []
        if let stat = contents("/proc/self/stat").flatMap(Stat.init(_:)) {
            let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
            samples.append(Sample(.processCPU, value: Double(stat.cpuTicks) / ticks))
            samples.append(Sample(.processThreads, count: stat.threads))
            samples.append(Sample(.processVirtual, count: stat.virtualBytes))
            samples.append(
                Sample(.processResident, count: stat.residentPages * sysconf(Int32(_SC_PAGESIZE))))
            samples.append(Sample(.processStart, value: bootTime + Double(stat.startTicks) / ticks))
        }
        if let count = openFiles() { samples.append(Sample(.processOpenFiles, count: count)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            samples.append(Sample(.processMaxFiles, value: Double(limit.rlim_cur)))
        }
        return samples
    }

    struct Stat: Equatable {
        let cpuTicks: Int
        let threads: Int
        let startTicks: Int
        let virtualBytes: Int
        let residentPages: Int

        /// - Parameter text: of `/proc/self/stat`. The name in its second field may hold spaces and brackets.
        init?(_ text: String) {
            guard let end = text.lastIndex(of: ")") else { return nil }
            // The first of them is field 3.
            let fields = text[text.index(after: end)...].split(separator: " ")
            func field(_ number: Int) -> Int? {
                fields.indices.contains(number - 3) ? Int(fields[number - 3]) : nil
            }
            guard let user = field(14), let system = field(15), let threads = field(20),
                let start = field(22), let virtual = field(23), let resident = field(24)
            else { return nil }
            cpuTicks = user + system
            self.threads = threads
            startTicks = start
            virtualBytes = virtual
            residentPages = resident
        }
    }

    /// In seconds since 1970. `/proc/stat` has it too, but a unit with `ProcSubset=pid` does not see that. Taken once,
    /// since a start time that changes would count as a restart.
    private static let bootTime = seconds(of: CLOCK_REALTIME) - seconds(of: CLOCK_BOOTTIME)

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func openFiles() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the directory itself.
        return max(0, count - 3)
    }

    /// The first 64 KiB of a file of the kernel's, which takes no waiting.
    private static func contents(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 16 {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
