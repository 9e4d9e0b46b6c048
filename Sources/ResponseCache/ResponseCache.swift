public import Logging
public import NIOCore
public import RedisClient
public import Shared
import Telemetry

/// Answers of cacheable operations in Redis, for all replicas, each for one caller alone. Without Redis there is no cache,
/// and nothing waits for it longer than ``patience``.
public final class ResponseCache: Sendable {
    public enum Found: Sendable, Equatable {
        /// - Parameters:
        ///   - age: since its request was made.
        ///   - at: the time of Redis, for ``store(_:for:since:about:)``.
        case fresh(StoredAnswer, age: Duration, at: Int64)
        case nothing(at: Int64, wasStale: Bool)
        case unavailable
    }

    private enum LookUp: String, CaseIterable { case fresh, stale, none, unavailable }

    static let patience = TimeAmount.milliseconds(100)
    /// Bytes. Longer answers are not kept.
    public static let longestAnswer = 262_144

    /// From the request of an answer until it is forgotten.
    public let lifetime: Duration
    private let redis: RedisClient
    private let logger: Logger
    private let lookUps = CounterSet<LookUp>(.cacheLookups)

    public init(lifetime: Duration, redis: RedisClient, logger: Logger) {
        self.lifetime = lifetime
        self.redis = redis
        self.logger = logger
    }

    /// The key of a request's answer: of one caller, operation and body, which is compared by its bytes.
    public static func key(caller: String, method: String, path: String, body: ByteBuffer) -> String {
        CacheScripts.answerPrefix + Digest.text(of: [caller, method, path, Digest.text(of: body)])
    }

    public func find(_ key: String) async -> Found {
        let reply = await redis.evaluate(
            CacheScripts.lookUp, keys: [key], arguments: [], within: Self.patience)
        let found = reply.flatMap { Found($0) } ?? .unavailable
        switch found {
        case .fresh: lookUps.count(.fresh)
        case .nothing(_, wasStale: true): lookUps.count(.stale)
        case .nothing: lookUps.count(.none)
        case .unavailable: lookUps.count(.unavailable)
        }
        return found
    }

    /// Keeps an answer, unless it is too long, is about too much, or something has changed that it is about. Waits for
    /// nothing; what Redis does not take is not kept.
    ///
    /// - Parameter since: the time that ``find(_:)`` told before the request was made.
    public func store(_ answer: StoredAnswer, for key: String, since: Int64, about names: ResourceNames) {
        guard names.isComplete, answer.body.readableBytes <= Self.longestAnswer else { return }
        redis.evaluate(
            CacheScripts.store, keys: [key],
            arguments: [
                RedisArgument(since), RedisArgument(lifetime.milliseconds), .text(names.joined),
                RedisArgument(answer.status), .text(answer.contentType), .bytes(answer.body),
            ]
        ) { _ in }
    }

    /// Puts answers out of date that are about what has changed; afterwards nobody gets them.
    ///
    /// - Parameter ahead: for this time the change may still come, and answers meanwhile are out of date as well.
    private func noteChange(of names: ResourceNames, ahead: Duration = .zero) async {
        guard !names.digests.isEmpty else { return }
        let reply = await redis.evaluate(
            CacheScripts.noteChange, keys: [],
            arguments: [
                .text(names.joined), RedisArgument(lifetime.milliseconds), RedisArgument(ahead.milliseconds),
            ], within: Self.patience)
        if reply == nil {
            logger.warning(
                "cached answers may be out of date", metadata: ["redis": "\(redis.missing ?? "slow")"])
        }
    }
}

extension ResponseCache {
    /// Puts answers out of date that a request has changed.
    ///
    /// - Parameter answer: the service's; nil where it names nothing.
    public func noteChange(by request: BridgeRequest, answered answer: ByteBuffer?) async {
        await noteChange(of: answer.map { .ofChange(request.body, $0) } ?? .ofChange(request.body))
    }

    /// A request has no known outcome yet, and may have its effect until its deadline.
    public func noteChange(thatMayFollow request: BridgeRequest) async {
        await noteChange(of: .ofChange(request.body), ahead: max(lifetime, request.timeout))
    }

    /// Puts answers out of date that a request may have changed, if it was or may have been sent.
    public func noteChange(by request: BridgeRequest, _ outcome: BridgeOutcome) async {
        switch outcome {
        case .reply(let answer): await noteChange(by: request, answered: answer)
        case .serviceError: await noteChange(by: request, answered: nil)
        case .failure(let failure):
            switch failure.outcome {
            case .notSent: break
            case .answered: await noteChange(by: request, answered: nil)
            case .unknown: await noteChange(thatMayFollow: request)
            }
        }
    }
}

extension ResourceNames {
    /// As the scripts take them.
    public var joined: String { digests.joined(separator: ",") }
}

extension ResponseCache.Found {
    /// Nil when it is not what ``CacheScripts/lookUp`` answers.
    init?(_ reply: RESPValue) {
        guard let items = reply.items, items.count >= 2, let now = items[0].integer, let state = items[1].text
        else { return nil }
        switch (state, items.count) {
        case ("none", 2): self = .nothing(at: now, wasStale: false)
        case ("stale", 2): self = .nothing(at: now, wasStale: true)
        case ("fresh", 6):
            guard let since = items[2].integer, let answer = StoredAnswer(items[3...]) else { return nil }
            self = .fresh(answer, age: .milliseconds(max(0, now - since)), at: now)
        default: return nil
        }
    }
}
