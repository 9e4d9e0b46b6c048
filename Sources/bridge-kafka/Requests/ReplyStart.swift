import KafkaClient

/// Where the reading of a reply partition begins, so that no reply is passed over that somebody may wait for.
struct ReplyStart {
    /// Records that are looked through where the broker cannot tell by their time.
    private static let lookBack: Int64 = 10_000

    let offset: Int64
    private let earliest: Int64
    /// Records before this offset are wanted only for their time.
    private let end: Int64

    /// - Parameters:
    ///   - found: the first offset at or after `earliest`. Nil says that no record is as new, or that the broker does not
    ///     look times up, as some that speak Kafka's protocol do not: then the last records tell by their own.
    ///   - known: the partition's first offset and the one that comes next.
    ///   - earliest: ms since 1970.
    init(found: Int64?, known: (low: Int64, high: Int64), earliest: Int64) {
        offset = found ?? max(known.low, known.high - Self.lookBack)
        end = found == nil ? known.high : offset
        self.earliest = earliest
    }

    func isWanted(_ event: ConsumerEvent) -> Bool {
        guard case .message(let message) = event, message.offset < end else { return true }
        return message.timestamp.map { $0 >= earliest } ?? false
    }
}
