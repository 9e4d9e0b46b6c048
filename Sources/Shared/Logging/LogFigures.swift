import Logging
import Synchronization

/// What the process has logged, for its metrics: there is one log in a process.
public enum LogFigures {
    private static let debug = Atomic(0)
    private static let info = Atomic(0)
    private static let warning = Atomic(0)
    private static let error = Atomic(0)
    private static let droppedLines = Atomic(0)
    private static let waiting = Atomic(0)

    /// Bytes that may wait for who reads the log.
    public static let capacity = 1 << 20

    /// By their level; trace counts as debug, notice as info, critical as error.
    public static var lines: [(level: String, count: Int)] {
        [
            ("debug", debug.load(ordering: .relaxed)), ("error", error.load(ordering: .relaxed)),
            ("info", info.load(ordering: .relaxed)), ("warning", warning.load(ordering: .relaxed)),
        ]
    }

    /// Lines that nobody could be told of.
    public static var dropped: Int { droppedLines.load(ordering: .relaxed) }
    public static var waitingBytes: Int { waiting.load(ordering: .relaxed) }

    static func noteLine(_ level: Logger.Level) {
        switch level {
        case .trace, .debug: debug.add(1, ordering: .relaxed)
        case .info, .notice: info.add(1, ordering: .relaxed)
        case .warning: warning.add(1, ordering: .relaxed)
        case .error, .critical: error.add(1, ordering: .relaxed)
        }
    }

    static func noteDropped() { droppedLines.add(1, ordering: .relaxed) }
    static func noteWaiting(_ bytes: Int) { waiting.store(bytes, ordering: .relaxed) }
}
