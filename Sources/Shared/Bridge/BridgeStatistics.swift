/// What an edge has asked of its bridges since its start, and how each request ended: exactly once.
public struct BridgeStatistics: Sendable, Equatable {
    public internal(set) var requests = 0
    /// By `reply`, `service_error` or the code of the failure.
    public internal(set) var outcomes: [String: Int] = [:]
    /// How often a bridge has welcomed this edge.
    public internal(set) var connections = 0
    /// Answers that came when nobody waited for them any more.
    public internal(set) var late = 0
    public internal(set) var waiting = 0
    /// How many may wait at a time; 0 without a bridge.
    public internal(set) var window = 0
    /// Milliseconds that the oldest one has waited.
    public internal(set) var oldest = 0

    /// Of several connections.
    static func += (sum: inout Self, other: Self) {
        sum.requests += other.requests
        sum.outcomes.merge(other.outcomes, uniquingKeysWith: +)
        sum.connections += other.connections
        sum.late += other.late
        sum.waiting += other.waiting
        sum.window += other.window
        sum.oldest = max(sum.oldest, other.oldest)
    }

    mutating func ended(_ outcome: BridgeOutcome) {
        let name =
            switch outcome {
            case .reply: "reply"
            case .serviceError: "service_error"
            case .failure(let failure): failure.code
            }
        outcomes[name, default: 0] += 1
    }

    /// For the admin port.
    public var counts: [String: [String: Int]] {
        [
            "bridge": [
                "requests": requests, "connections": connections, "late": late, "waiting": waiting,
                "window": window, "oldestWaitingMs": oldest,
            ],
            "outcomes": outcomes,
        ]
    }
}
