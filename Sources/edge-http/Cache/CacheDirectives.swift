import Operations
import ResponseCache
import Shared

/// What a client's `Cache-Control` asks of the cache (RFC 9111 §5.2.1). Other directives are ignored.
struct CacheDirectives: Sendable, Equatable {
    /// Do not keep the answer (§5.2.1.5); nor is one taken.
    private(set) var noStore = false
    /// Take no answer that was kept (§5.2.1.4).
    private(set) var noCache = false
    /// None older than this, in seconds (§5.2.1.1); 0 is `no-cache` but for the same millisecond.
    private(set) var maxAge: Int?

    /// - Parameter field: the value of `Cache-Control`; several fields joined by commas.
    init(_ field: String?) {
        for directive in (field ?? "").split(separator: ",") {
            let parts = directive.split(separator: "=", maxSplits: 1).map { $0.trimmed.lowercased() }
            switch parts.first {
            case "no-store": noStore = true
            case "no-cache": noCache = true
            case "max-age":
                // Of what is no number of seconds the safest is made (§4.2.1).
                let seconds = parts.dropFirst().first.flatMap { value in Int(value.filter { $0 != "\"" }) }
                maxAge = min(maxAge ?? .max, max(0, seconds ?? 0))
            default: break
            }
        }
    }
}

/// How an answer came about, as `Cache-Status` tells it (RFC 9211).
enum CacheStatus: Sendable, Equatable {
    /// - Parameter left: for how long it would still be given.
    case hit(left: Duration)
    /// Why the request went on to the service.
    case forward(Reason)

    enum Reason: String, Sendable {
        /// There was none.
        case miss
        /// There was one, about which something has changed.
        case stale
        /// The client wants a new one, or none as old as that.
        case request
        /// The client wants no part in it, or Redis is away.
        case bypass
    }

    var field: String {
        switch self {
        case .hit(let left): "vy-gateway; hit; ttl=\(left.milliseconds / 1000)"
        case .forward(let reason): "vy-gateway; fwd=\(reason.rawValue)"
        }
    }

    /// What is done with what was found, by what the client wants.
    init(_ found: ResponseCache.Found, _ directives: CacheDirectives, lifetime: Duration) {
        switch found {
        case .unavailable: self = .forward(.bypass)
        case .nothing(_, let wasStale): self = .forward(wasStale ? .stale : .miss)
        case .fresh(_, let age, _):
            let isTooOld = directives.noCache || directives.maxAge.map { age > .seconds($0) } ?? false
            self = isTooOld ? .forward(.request) : .hit(left: lifetime - age)
        }
    }
}
