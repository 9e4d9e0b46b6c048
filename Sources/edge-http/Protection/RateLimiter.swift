import Logging
import NIOCore
import RedisClient
import ServiceLifecycle
import Shared
import Synchronization
import Telemetry

/// Keeps callers' and addresses' rates in Redis, for all replicas together. Where Redis does not answer in time a request
/// passes: the limits guard against too much use, and losing them for a while does less harm than losing all requests.
final class RateLimiter: Service {
    struct Settings: Sendable {
        /// Nil: no limit.
        let caller: RateLimit?
        let address: RateLimit?
        let proxies: TrustedProxies

        init(from reader: inout SettingsReader) {
            let caller = reader.integer(
                "RATE_LIMIT_CALLER", default: 1200, in: 0...1_000_000,
                help: "Requests that one caller (a token's user) may send in a minute, else 429; 0: no limit."
            )
            let address = reader.integer(
                "RATE_LIMIT_ADDRESS", default: 0, in: 0...1_000_000,
                help: "Requests that one client address may send in a minute, else 429; 0: no limit. "
                    + "Behind a proxy set HTTP_TRUSTED_PROXIES as well: else all clients share its address.")
            self.caller = caller > 0 ? RateLimit(name: "caller", perMinute: caller) : nil
            self.address = address > 0 ? RateLimit(name: "address", perMinute: address) : nil
            proxies = TrustedProxies("HTTP_TRUSTED_PROXIES", from: &reader)
        }
    }

    private struct Counts {
        var passed = 0
        var refused = 0
        var unenforced = 0
        var isEnforced = true
    }

    /// How long a request waits for Redis.
    private static let patience = TimeAmount.milliseconds(250)

    /// Pays off, asks every limit, and charges all of them or none. A debt is kept as the time at which it is paid, by
    /// the clock of Redis, so that replicas need no common one.
    private static let script = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local debts, passes = {}, 1
        for i, key in ipairs(KEYS) do
          local paid = tonumber(redis.call('GET', key) or 0)
          debts[i] = math.min(math.max(paid - now, 0), \(RateLimit.window))
          if debts[i] + ARGV[i] > \(RateLimit.window) then passes = 0 end
        end
        if passes == 1 then
          for i, key in ipairs(KEYS) do
            debts[i] = debts[i] + ARGV[i]
            redis.call('SET', key, string.format('%.0f', now + debts[i]), 'PX', math.ceil(debts[i] / 1000))
          end
        end
        return {passes, unpack(debts)}
        """

    private let settings: Settings
    private let redis: RedisClient
    private let logger: Logger
    private let counts = Mutex(Counts())

    init(_ settings: Settings, redis: RedisClient, logger: Logger) {
        self.settings = settings
        self.redis = redis
        self.logger = logger
    }

    /// For a scrape.
    var samples: [Sample] {
        let counts = counts.withLock { $0 }
        return [
            Sample(.rateLimit, "passed", count: counts.passed),
            Sample(.rateLimit, "refused", count: counts.refused),
            Sample(.rateLimit, "unenforced", count: counts.unenforced),
        ]
    }

    /// Says at the end what was counted.
    func run() async throws {
        try? await gracefulShutdown()
        let counts = counts.withLock { $0 }
        logger.info(
            "summary",
            metadata: [
                "rateLimited": "\(counts.refused)", "withinRate": "\(counts.passed)",
                "rateUnenforced": "\(counts.unenforced)",
            ])
    }

    /// Nil when no limit is for this request, or none can be enforced.
    ///
    /// - Parameters:
    ///   - peer: whose connection it is.
    ///   - forwardedFor: the entries of `X-Forwarded-For`, in order.
    func verdict(userID: String?, peer: String?, forwardedFor: [String]) async -> RateLimitVerdict? {
        var limits: [RateLimit] = []
        var keys: [String] = []
        if let limit = settings.caller, let userID {
            limits.append(limit)
            keys.append("vy:rate:caller:\(userID)")
        }
        if let limit = settings.address, let peer = peer.flatMap({ IPAddress($0) }) {
            let client = settings.proxies.client(peer, forwardedFor: forwardedFor).network
            limits.append(limit)
            keys.append("vy:rate:address:\(String(client.high, radix: 16)):\(String(client.low, radix: 16))")
        }
        guard !limits.isEmpty else { return nil }
        let reply = await redis.evaluate(
            Self.script, keys: keys, arguments: limits.map { RedisArgument($0.cost) }, within: Self.patience)
        let verdict = Self.verdict(reply, limits)
        note(verdict)
        return verdict
    }

    private static func verdict(_ reply: RESPValue?, _ limits: [RateLimit]) -> RateLimitVerdict? {
        guard let numbers = reply?.items?.compactMap(\.integer), numbers.count == limits.count + 1 else {
            return nil
        }
        return RateLimitVerdict(
            passes: numbers[0] == 1,
            standings: zip(limits, numbers.dropFirst()).map { .init(limit: $0, debt: $1) })
    }

    private func note(_ verdict: RateLimitVerdict?) {
        let changed = counts.withLock { counts in
            switch verdict?.passes {
            case true?: counts.passed += 1
            case false?: counts.refused += 1
            case nil: counts.unenforced += 1
            }
            defer { counts.isEnforced = verdict != nil }
            return counts.isEnforced != (verdict != nil)
        }
        guard changed else { return }
        if verdict == nil {
            logger.warning("rate limits are not enforced", metadata: ["redis": "\(redis.missing ?? "slow")"])
        } else {
            logger.info("rate limits are enforced again")
        }
    }
}
