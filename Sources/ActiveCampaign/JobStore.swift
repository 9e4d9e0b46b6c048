import NIOCore
import PaymentContacts
import RedisClient
import Shared

/// One payment that has succeeded, for the contact that its intent named.
struct Job: Equatable, Sendable {
    /// The entry in the stream.
    let entry: String
    let payment: String
    /// How often it was tried before.
    let attempts: Int
    /// Until its first call may be made.
    let wait: Duration
}

/// Jobs in Redis, shared by all replicas: a stream with a consumer group, those that wait for another attempt by their time,
/// and those that were given up; and when the next call may be made.
struct JobStore: Sendable {
    /// Keys, in a place of their own for tests.
    struct Keys: Sendable {
        var jobs = SucceededPayments.stream
        var delayed = "vy:activecampaign:delayed"
        var deadLetters = "vy:activecampaign:dead"
        /// Holds when the next call may be made (ms since 1970).
        var slot = "vy:activecampaign:slot"
        /// Holds when the last call was made (ms since 1970).
        var last = "vy:activecampaign:last"
        /// Exists as long as nobody may call.
        var pause = "vy:activecampaign:pause"
    }

    enum Turn: Equatable {
        case after(Duration)
        /// There is more to wait than is worth it.
        case notBefore(Duration)
    }

    enum Hold: Equatable {
        /// The call is to be made at once.
        case held
        /// Another call was held up, and this one would come too soon after it.
        case early(Duration)
        /// Nobody may call for a while.
        case paused(Duration)
        /// It is another's now.
        case lost
    }

    static let group = "activecampaign"
    /// Entries that are kept of those that were given up.
    static let deadLetterLimit = 10_000
    /// Jobs that may wait for another attempt.
    static let delayedLimit = 100_000
    /// How long it is remembered that a contact was delivered.
    static let deliveredLifetime = Duration.seconds(86_400)
    /// A job is taken when its first call may be made so soon.
    static let longestWait = Duration.seconds(1)
    /// A job in hand waits at most so long for a further call.
    static let longestTurn = Duration.seconds(3)

    let redis: RedisClient
    /// This replica's name in the group.
    let consumer: String
    /// Of the places of two calls: a little more than their least distance, so that a late call does not hold up all others.
    let spacing: Duration
    /// The least time between two calls.
    let distance: Duration
    /// A job whose replica has not said for so long that it works on it is another's.
    let abandonedAfter: Duration
    var keys = Keys()

    /// - Parameters:
    ///   - callsPerSecond: of all replicas together.
    ///   - timeout: of one call.
    init(redis: RedisClient, consumer: String, callsPerSecond: Int, timeout: Duration, keys: Keys = Keys()) {
        self.redis = redis
        self.consumer = consumer
        spacing = .milliseconds(1050 / callsPerSecond)
        distance = .milliseconds(1000 / callsPerSecond)
        abandonedAfter = timeout + Self.longestTurn + .seconds(2)
        self.keys = keys
    }

    /// Nil when it is too late.
    func contact(of payment: String) async throws -> Contact? {
        try await redis.send(["HGET", .text(SucceededPayments.key(payment)), "contact"]).bytes
            .flatMap { Contact(json: $0) }
    }

    // MARK: - Jobs

    func makeGroup() async throws {
        do {
            _ = try await redis.send([
                "XGROUP", "CREATE", .text(keys.jobs), .text(Self.group), "0", "MKSTREAM",
            ])
        } catch let error where error.message.hasPrefix("BUSYGROUP") {
            return  // It is there.
        }
    }

    /// Entries of the stream, in hand or not; of what waits for another attempt; and of what was given up.
    func counts() async throws -> (waiting: Int, delayed: Int, dead: Int) {
        async let waiting = redis.send(["XLEN", .text(keys.jobs)])
        async let delayed = redis.send(["ZCARD", .text(keys.delayed)])
        async let dead = redis.send(["XLEN", .text(keys.deadLetters)])
        return (
            try await waiting.integer.map(Int.init) ?? 0, try await delayed.integer.map(Int.init) ?? 0,
            try await dead.integer.map(Int.init) ?? 0
        )
    }

    func take() async throws -> Job? {
        let reply = try await redis.evaluate(
            JobScripts.take, keys: [keys.jobs, keys.delayed, keys.slot, keys.pause],
            arguments: [
                .text(Self.group), .text(consumer), RedisArgument(abandonedAfter.milliseconds),
                RedisArgument(spacing.milliseconds), RedisArgument(Self.longestWait.milliseconds),
            ])
        return Job(reply)
    }

    /// A place for a further call.
    func turn() async throws -> Turn {
        let reply = try await redis.evaluate(
            JobScripts.turn, keys: [keys.slot, keys.pause],
            arguments: [RedisArgument(spacing.milliseconds), RedisArgument(Self.longestTurn.milliseconds)])
        let wait = reply.integer ?? 0
        return wait < 0 ? .notBefore(.milliseconds(-wait)) : .after(.milliseconds(wait))
    }

    /// Comes right before each call.
    func hold(_ job: Job) async throws -> Hold {
        let reply = try await redis.evaluate(
            JobScripts.hold, keys: [keys.jobs, keys.pause, keys.last],
            arguments: [
                .text(Self.group), .text(consumer), .text(job.entry), RedisArgument(distance.milliseconds),
            ])
        let time = Duration.milliseconds(reply.items?.last?.integer ?? 0)
        switch reply.items?.first?.text {
        case "held": return .held
        case "early": return .early(time)
        case "paused": return .paused(time)
        default: return .lost
        }
    }

    /// Nobody calls for a while.
    func pause(_ time: Duration) async throws {
        guard time > .zero else { return }
        _ = try await redis.evaluate(
            JobScripts.pause, keys: [keys.pause], arguments: [RedisArgument(time.milliseconds)])
    }

    func finish(_ job: Job) async throws {
        _ = try await redis.evaluate(
            JobScripts.finish, keys: [keys.jobs, SucceededPayments.key(job.payment)],
            arguments: [
                .text(Self.group), .text(job.entry), RedisArgument(Self.deliveredLifetime.milliseconds),
            ])
    }

    /// - Returns: false when too many wait, so that it was given up.
    func retry(_ job: Job, attempts: Int, after pause: Duration, reason: String) async throws -> Bool {
        let reply = try await redis.evaluate(
            JobScripts.retry, keys: [keys.jobs, keys.delayed, keys.deadLetters],
            arguments: [
                .text(Self.group), .text(job.entry), .text(job.payment), RedisArgument(attempts),
                RedisArgument(pause.milliseconds), RedisArgument(Self.delayedLimit), .text(reason),
                RedisArgument(Self.deadLetterLimit),
            ])
        return reply != .integer(0)
    }

    func giveUp(_ job: Job, attempts: Int, reason: String) async throws {
        _ = try await redis.evaluate(
            JobScripts.giveUp, keys: [keys.jobs, keys.deadLetters],
            arguments: [
                .text(Self.group), .text(job.entry), .text(job.payment), RedisArgument(attempts),
                .text(reason),
                RedisArgument(Self.deadLetterLimit),
            ])
    }

    /// Takes this replica out of the group unless it has left a job behind.
    func leave() async throws {
        _ = try await redis.evaluate(
            JobScripts.leave, keys: [keys.jobs], arguments: [.text(Self.group), .text(consumer)])
    }
}

extension Job {
    /// Reads a reply of ``JobScripts/take``.
    init?(_ reply: RESPValue) {
        guard let parts = reply.items, parts.count == 2, let wait = parts[0].integer,
            let entry = parts[1].items,
            entry.count == 2, let id = entry[0].text, let fields = entry[1].items
        else { return nil }
        var payment = ""
        var attempts = 0
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            switch fields[index].text {
            case SucceededPayments.field: payment = fields[index + 1].text ?? ""
            case "attempts": attempts = fields[index + 1].text.flatMap { Int($0) } ?? 0
            default: break
            }
        }
        self.init(entry: id, payment: payment, attempts: attempts, wait: .milliseconds(wait))
    }
}
