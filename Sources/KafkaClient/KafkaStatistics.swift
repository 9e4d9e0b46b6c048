internal import CRdkafka
public import NIOCore
import Synchronization

/// What librdkafka said last of itself, every `statistics.interval.ms` (its STATISTICS.md). The client's thread only keeps
/// the text; it is read by who asks.
public final class KafkaStatistics: Sendable {
    private let last = Mutex<(json: String, at: NIODeadline)?>(nil)

    /// The JSON, and how old it is; nil before the first.
    public var latest: (json: String, age: TimeAmount)? {
        last.withLock { $0 }.map { ($0.json, .now() - $0.at) }
    }

    /// On the client's thread.
    func take(_ event: OpaquePointer) {
        guard let text = rd_kafka_event_stats(event) else { return }
        let json = String(cString: text)
        last.withLock { $0 = (json, .now()) }
    }
}
