import NIOCore

/// How many events one socket may send. It does no I/O: the time is a parameter.
///
/// Refused events cost work as well, so they have an allowance of their own: whoever uses that up does not heed the
/// refusals.
struct EventAllowance: Equatable, Sendable {
    enum Verdict: Equatable { case granted, refused, excessive }

    private var granted: TokenBucket
    private var refused: TokenBucket

    init(_ rate: Rate, now: NIODeadline) {
        granted = TokenBucket(rate, now: now)
        refused = TokenBucket(Self.ofRefusals(rate), now: now)
    }

    mutating func take(_ rate: Rate, _ now: NIODeadline) -> Verdict {
        if granted.take(rate, now) { return .granted }
        return refused.take(Self.ofRefusals(rate), now) ? .refused : .excessive
    }

    private static func ofRefusals(_ rate: Rate) -> Rate {
        Rate(perSecond: rate.perSecond, burst: 4 * rate.burst)
    }
}
