import NIOCore

/// How often something may happen: so many times a second, and so many times at once after a rest.
struct Rate: Equatable, Sendable {
    let perSecond: Int
    let burst: Int

    /// Time after which a bucket that was empty is full again.
    var fillTime: TimeAmount {
        .nanoseconds(Int64((Double(burst) / Double(perSecond) * 1e9).rounded(.up)))
    }
}

/// What is left of a ``Rate``. It does no I/O: the time is a parameter.
struct TokenBucket: Equatable, Sendable {
    private var tokens: Double
    private var last: NIODeadline

    /// A full one.
    init(_ rate: Rate, now: NIODeadline) {
        tokens = Double(rate.burst)
        last = now
    }

    /// Takes one token; false when there is none.
    mutating func take(_ rate: Rate, _ now: NIODeadline) -> Bool {
        let passed = Double((now - last).nanoseconds) / 1e9
        tokens = min(Double(rate.burst), tokens + max(0, passed) * Double(rate.perSecond))
        last = max(last, now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
