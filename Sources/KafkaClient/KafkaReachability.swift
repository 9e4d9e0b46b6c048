internal import CRdkafka
import NIOCore

/// Follows whether a client reaches a broker, and says so once per change. Used on the client's own thread only.
///
/// librdkafka reports that all brokers are down but not that one is back, so while it is down a broker is asked for
/// metadata about 10 times a second.
struct KafkaReachability {
    private var isUp = false
    private var isToldDown = false
    /// What kept the last connection from being made; librdkafka says it before it says that all brokers are down.
    private var cause: String?
    private var nextProbe = NIODeadline.distantPast

    /// How long (ms) the client's thread may wait for events: while the broker is away it has to ask for it in between.
    var pause: Int32 { isUp ? 500 : 20 }

    /// The change that an error event means.
    mutating func failed(_ error: KafkaError) -> KafkaState? {
        if error.isOfConnection { cause = error.message }
        guard error.isAllBrokersDown, isUp || !isToldDown else { return nil }
        isUp = false
        isToldDown = true
        return .down([error.message, cause].compactMap { $0 }.joined(separator: "; last: "))
    }

    /// A record was delivered or read.
    mutating func succeeded() -> KafkaState? {
        guard !isUp else { return nil }
        isUp = true
        cause = nil
        return .up
    }

    /// Asks a broker when it is time to; blocks for at most 50 ms, while there is nothing else to do.
    mutating func probe(_ client: OpaquePointer, now: NIODeadline = .now()) -> KafkaState? {
        guard !isUp, now >= nextProbe else { return nil }
        nextProbe = now + .milliseconds(100)
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let result = rd_kafka_metadata(client, 0, nil, &metadata, 50)
        guard result == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        rd_kafka_metadata_destroy(metadata)
        return succeeded()
    }
}
