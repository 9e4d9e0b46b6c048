import Synchronization
import Telemetry

/// What clients were refused, counted by reason.
final class Refusals: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// - Parameter reason: one of a fixed set, never a client's text.
    func count(_ reason: String) { counts.withLock { $0[reason, default: 0] += 1 } }

    /// For a scrape.
    var samples: [Sample] { byReason.map { Sample(.socketRefusals, $0, count: $1) } }

    var byReason: [String: Int] { counts.withLock { $0 } }
}
