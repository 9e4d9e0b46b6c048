import NIOCore
import RedisClient
import ResponseCache
import Shared

/// Keys and operations in Redis.
struct RedisOperationStore: OperationStore {
    let redis: RedisClient
    /// How long a key and its answer, or an operation that a client was told of, are kept.
    let lifetime: Duration
    /// Longer than a network that is away and comes back delivers what was sent before (RFC 1122 §4.2.3.5: at least 100 s).
    private static let onItsWay = Duration.seconds(600)

    func begin(
        _ key: IdempotencyKey, _ head: OperationHead, lasting: Duration
    ) async throws(OperationStoreError) -> KeyState {
        let reply = try await run(
            OperationScripts.begin, [key.redisKey, KeptReply.key(head.id)],
            [
                .text(key.body), .text(head.id.description), RedisArgument(lasting.milliseconds), expiry,
            ] + Self.fields(head))
        if reply.items?.first?.text == "forgotten" {
            throw OperationStoreError(reason: "the request was given up before", isWithoutEffect: true)
        }
        guard let state = KeyState(reply) else {
            throw OperationStoreError(reason: "the record of a key is damaged")
        }
        return state
    }

    func finish(
        _ key: IdempotencyKey, _ id: BridgeRequestID, _ answer: StoredAnswer
    ) async throws(OperationStoreError) -> StoredAnswer {
        let reply = try await run(
            OperationScripts.finish, [key.redisKey, KeptReply.key(id)],
            [
                .text(id.description), RedisArgument(answer.status), .text(answer.contentType),
                .bytes(answer.body), RedisArgument(KeptReply.unclaimed.milliseconds),
            ])
        return reply.items.flatMap { StoredAnswer($0[...]) } ?? answer
    }

    func forget(_ key: IdempotencyKey, _ id: BridgeRequestID) async throws(OperationStoreError) {
        _ = try await run(
            OperationScripts.forget, [key.redisKey, KeptReply.key(id)],
            [.text(id.description), RedisArgument(Self.onItsWay.milliseconds)])
    }

    func register(
        _ head: OperationHead, unknown key: IdempotencyKey?
    ) async throws(OperationStoreError) -> BridgeOutcome? {
        let keys = [KeptReply.key(head.id)] + (key.map { [$0.redisKey] } ?? [])
        let reply = try await run(
            OperationScripts.register, keys, [.text(head.id.description), expiry] + Self.fields(head))
        return reply.items.flatMap { BridgeOutcome($0[...]) }
    }

    func keep(_ outcome: BridgeOutcome, of id: BridgeRequestID) async throws(OperationStoreError) {
        let (kind, reply) = outcome.kept
        _ = try await run(
            KeptReply.keepScript, [KeptReply.key(id)],
            [.text(kind.rawValue), .bytes(reply), RedisArgument(KeptReply.unclaimed.milliseconds)])
    }

    func operation(_ id: BridgeRequestID) async throws(OperationStoreError) -> KeptOperation? {
        let key = RedisArgument.text(KeptReply.key(id))
        let reply = try await asked { () throws(RedisError) in
            try await redis.send([
                "HMGET", key, "caller", "path", "request", "success", "kind", "reply", "told",
            ])
        }
        guard let items = reply.items, items.count == 7, items[6] != .null else { return nil }
        return KeptOperation(id: id, items[..<6])
    }

    private var expiry: RedisArgument { RedisArgument(lifetime.milliseconds) }

    private static func fields(_ head: OperationHead) -> [RedisArgument] {
        [.text(head.caller), .text(head.path), .text(head.requestID), RedisArgument(head.successStatus)]
    }

    private func run(
        _ script: String, _ keys: [String], _ arguments: [RedisArgument]
    ) async throws(OperationStoreError) -> RESPValue {
        try await asked { () throws(RedisError) in
            try await redis.evaluate(script, keys: keys, arguments: arguments)
        }
    }

    private func asked(
        _ ask: () async throws(RedisError) -> RESPValue
    ) async throws(OperationStoreError) -> RESPValue {
        do throws(RedisError) {
            return try await ask()
        } catch {
            throw OperationStoreError(
                reason: error.description, isWithoutEffect: error.outcome == .notExecuted,
                mayPass: error.mayPass)
        }
    }
}

// MARK: - What the scripts answer

extension KeyState {
    /// Nil when it is not what ``OperationScripts/begin`` answers.
    init?(_ reply: RESPValue) {
        guard let items = reply.items, let name = items.first?.text else { return nil }
        func id() -> BridgeRequestID? { items.dropFirst().first?.text.flatMap { BridgeRequestID($0) } }
        switch name {
        case "new": self = .new
        case "other-body": self = .otherBody
        case "answered":
            guard let answer = StoredAnswer(items.dropFirst()) else { return nil }
            self = .answered(answer)
        case "replied":
            guard let id = id(), items.count == 3, let fields = items[2].items,
                let operation = KeptOperation(id: id, fields[...]), let outcome = operation.outcome
            else { return nil }
            self = .replied(operation.head, outcome)
        case "in-flight":
            guard let id = id(), items.count == 3, let left = items[2].integer else { return nil }
            self = .inFlight(id, left: .milliseconds(left))
        case "unknown":
            guard let id = id() else { return nil }
            self = .unknown(id)
        default: return nil
        }
    }
}

extension KeptOperation {
    /// From caller, path, request id and status of success, and the kind and the reply if there is one.
    init?(id: BridgeRequestID, _ items: ArraySlice<RESPValue>) {
        let items = Array(items)
        guard items.count == 6, let caller = items[0].text, let path = items[1].text,
            let request = items[2].text, let success = items[3].text.flatMap({ Int($0) })
        else { return nil }
        head = OperationHead(id: id, caller: caller, path: path, requestID: request, successStatus: success)
        outcome = BridgeOutcome(items[4...])
    }
}

extension BridgeOutcome {
    /// From a kind and a reply.
    init?(_ items: ArraySlice<RESPValue>) {
        let items = Array(items)
        guard items.count == 2, let kind = items[0].text.flatMap({ KeptReply.Kind(rawValue: $0) }),
            let reply = items[1].bytes
        else { return nil }
        self.init(kind: kind, reply: reply)
    }
}
