#if canImport(Glibc)
    import Glibc
#endif

/// What a service manager says in the environment of a process (sd_notify(3), sd_watchdog_enabled(3)).
struct SupervisorRequest: Equatable {
    /// `sun_path` of the socket that is told of changes; nil: nobody wants to know.
    private(set) var address: [UInt8]?
    /// How long the process may be silent; nil: as long as it likes.
    private(set) var watchdog: Duration?
    /// What was said and cannot be followed.
    private(set) var mistakes: [String] = []

    init(processID: Int32, value: (String) -> String?) {
        guard let name = value("NOTIFY_SOCKET"), !name.isEmpty else { return }
        address = Self.address(name)
        if address == nil { mistakes.append("NOTIFY_SOCKET: '\(name)' is no path and no abstract name") }
        // The variable is inherited: with another id it was meant for a process that this one came from.
        if let id = value("WATCHDOG_PID"), !id.isEmpty, id != String(processID) { return }
        guard let text = value("WATCHDOG_USEC"), !text.isEmpty else { return }
        if let microseconds = Int64(text), microseconds > 0 {
            watchdog = .microseconds(microseconds)
        } else {
            mistakes.append("WATCHDOG_USEC: '\(text)' is no time")
        }
    }

    /// `@` stands for the zero byte with which names outside the file system begin (unix(7)).
    private static func address(_ name: String) -> [UInt8]? {
        var bytes = Array(name.utf8)
        guard (2...107).contains(bytes.count) else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "/"): bytes.append(0)
        case UInt8(ascii: "@"): bytes[0] = 0
        default: return nil
        }
        return bytes
    }
}

/// A datagram socket to a service manager. It never blocks.
final class NotifySocket: Sendable {
    enum Outcome: Equatable {
        case sent
        /// The receiver's queue is full, which ends by itself.
        case full
        case failed(errno: CInt)
    }

    private let descriptor: CInt
    private let address: [UInt8]

    init?(_ address: [UInt8]) {
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        self.address = address
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    func send(_ text: String) -> Outcome {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count)
        let bytes = Array(text.utf8)
        while true {
            let count = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        descriptor, bytes, bytes.count,
                        CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL),
                        $0, length)
                }
            }
            if count == bytes.count { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .full
            case let code: return .failed(errno: code)
            }
        }
    }
}
