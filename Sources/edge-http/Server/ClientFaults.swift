import Logging
import ServiceLifecycle
import Synchronization
import Telemetry

/// Counts why connections and requests of clients were ended, and says so in the log when the process stops.
final class ClientFaults: Service {
    enum Reason: String, CaseIterable {
        /// It has brought nothing, or nothing more, in its time.
        case idle
        case headerTimeout
        case bodyTimeout
        /// It has not taken an answer.
        case answerTimeout
        /// What it has sent is no HTTP, or too large a header.
        case malformed
    }

    private let logger: Logger
    private let counts = Mutex<[Reason: Int]>([:])

    init(logger: Logger) { self.logger = logger }

    func count(_ reason: Reason) {
        counts.withLock { $0[reason, default: 0] += 1 }
        logger.debug("client refused", metadata: ["reason": "\(reason.rawValue)"])
    }

    /// For a scrape.
    var samples: [Sample] {
        let counts = counts.withLock { $0 }
        return Reason.allCases.map { Sample(.httpConnectionsEnded, $0.rawValue, count: counts[$0] ?? 0) }
    }

    func run() async throws {
        try? await gracefulShutdown()
        let counts = counts.withLock { $0 }
        var metadata = Logger.Metadata()
        for reason in Reason.allCases { metadata[reason.rawValue] = "\(counts[reason] ?? 0)" }
        logger.info("connections ended", metadata: metadata)
    }
}
