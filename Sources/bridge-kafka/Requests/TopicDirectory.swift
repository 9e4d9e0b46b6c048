import NIOCore

/// Which topics exist, asked for at most every two seconds, since producing to a missing one may create it.
///
/// Does no I/O. `Parked` is a request that waits for the answer.
struct TopicDirectory<Parked> {
    enum Verdict: Equatable {
        case known
        case missing
        /// The request is parked; ask for the topics if `ask`.
        case parked(ask: Bool)
        /// Too many wait already.
        case refused
    }

    static var refreshEvery: TimeAmount { .seconds(2) }
    static var maxParked: Int { 4096 }
    /// Missing topics that are remembered as reported; more are not reported until one of them appears.
    static var maxReported: Int { 256 }

    private var known: Set<String> = []
    private var refreshedAt: NIODeadline?
    private var isAsking = false
    private var parked: [(topic: String, Parked)] = []
    /// Missing ones that were reported.
    private var reported: Set<String> = []

    var parkedCount: Int { parked.count }

    /// Looks a topic up; what is parked comes back from ``answered(_:_:)``.
    mutating func look(_ topic: String, park: @autoclosure () -> Parked, _ now: NIODeadline) -> Verdict {
        if known.contains(topic) { return .known }
        if !isAsking, let refreshedAt, now < refreshedAt + Self.refreshEvery { return .missing }
        guard parked.count < Self.maxParked else { return .refused }
        parked.append((topic, park()))
        defer { isAsking = true }
        return .parked(ask: !isAsking)
    }

    /// The topics that there are, or nil when they could not be asked for.
    ///
    /// - Returns: what was parked, each with whether its topic is there.
    mutating func answered(_ topics: Set<String>?, _ now: NIODeadline) -> [(Parked, isKnown: Bool)] {
        isAsking = false
        if let topics {
            known = topics
            refreshedAt = now
            reported.subtract(topics)
        }
        defer { parked = [] }
        return parked.map { ($0.1, known.contains($0.topic)) }
    }

    /// Whether this topic has not yet been reported as missing; from now on it has, until it appears.
    mutating func isNews(_ missing: String) -> Bool {
        reported.count < Self.maxReported && reported.insert(missing).inserted
    }

    /// The cluster was away and may have changed.
    mutating func forgetAll() {
        known = []
        refreshedAt = nil
    }

    /// Producing to it showed that it is gone.
    mutating func forget(_ topic: String) { known.remove(topic) }
}
