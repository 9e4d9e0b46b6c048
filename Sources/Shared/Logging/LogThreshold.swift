import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The least level that is logged. It may change while the process runs, for all of its loggers at once.
final class LogThreshold: Sendable {
    private static let levels = Logger.Level.allCases

    private let configured: Logger.Level
    private let current: Atomic<Int>

    init(_ configured: Logger.Level) {
        self.configured = configured
        current = Atomic(Self.index(of: configured))
    }

    var level: Logger.Level { Self.levels[current.load(ordering: .relaxed)] }

    /// From the level that the settings name to `debug`, or back.
    ///
    /// - Returns: the level from now on.
    func toggle() -> Logger.Level {
        let new = level == configured ? min(.debug, configured) : configured
        current.store(Self.index(of: new), ordering: .relaxed)
        return new
    }

    private static func index(of level: Logger.Level) -> Int {
        // Every level is in the list of all.
        levels.firstIndex(of: level) ?? 0
    }
}

/// SIGUSR2 lets a running process log more, and again less.
struct LogSwitch: Service {
    let threshold: LogThreshold
    let logger: Logger

    func run() async {
        for await _ in await UnixSignalsSequence(trapping: .sigusr2).cancelOnGracefulShutdown() {
            let level = threshold.toggle()
            logger.log(level: max(.notice, level), "log level changed", metadata: ["to": "\(level)"])
        }
    }
}
