import HTTPTypes
import Operations

/// So many requests in a minute, by the generic cell rate algorithm (ITU-T I.371): after a rest all of them at once,
/// then evenly. It does no I/O; its state is a debt in microseconds, which time pays off.
struct RateLimit: Sendable, Equatable {
    /// Microseconds.
    static let window: Int64 = 60_000_000

    /// `caller` or `address`, as `RateLimit-Policy` tells it.
    let name: String
    let perMinute: Int

    /// What one request costs, in microseconds.
    var cost: Int64 { max(1, Self.window / Int64(perMinute)) }

    /// One client's debt to a limit, and whether the request that was made with it may pass.
    struct Standing: Sendable, Equatable {
        let limit: RateLimit
        /// Microseconds; the request's own cost is in it where all limits let it pass.
        let debt: Int64

        /// Requests that would pass now.
        var remaining: Int64 { max(0, (RateLimit.window - debt) / limit.cost) }
        /// Seconds until nothing is owed.
        var reset: Int64 { RateLimit.seconds(debt) }
        /// Seconds until a request would pass; 0: it would now.
        var wait: Int64 { RateLimit.seconds(debt + limit.cost - RateLimit.window) }
    }

    private static func seconds(_ time: Int64) -> Int64 { (max(0, time) + 999_999) / 1_000_000 }
}

/// What the limits say of one request.
struct RateLimitVerdict: Sendable, Equatable {
    let passes: Bool
    let standings: [RateLimit.Standing]

    private static let policyField = field("ratelimit-policy")
    private static let limitField = field("ratelimit")

    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10 §3, §4).
    func apply(to headers: inout HTTPFields) {
        headers[Self.policyField] = standings.map { "\"\($0.limit.name)\";q=\($0.limit.perMinute);w=60" }
            .joined(separator: ", ")
        headers[Self.limitField] = standings.map { "\"\($0.limit.name)\";r=\($0.remaining);t=\($0.reset)" }
            .joined(separator: ", ")
    }

    /// Nil when the request may pass.
    var problem: Problem? {
        guard !passes else { return nil }
        let exceeded = standings.max { $0.wait < $1.wait }
        return OperationOutcome.tooMany(
            code: "rate-limit",
            detail: "This \(exceeded?.limit.name ?? "caller") has sent too many requests.",
            retryAfter: Int(exceeded?.wait ?? 1))
    }

    private static func field(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
        return field
    }
}
