import DequeModule
import NIOCore

/// A connection for commands: pipelined, in order, bounded, and refused at once while Redis is away.
///
/// The first call of a script on a connection brings its text, later ones its digest. Where Redis has forgotten a script in the
/// meantime (SCRIPT FLUSH), its calls have not run: they go again, in their order, once all is answered that is on its way, and
/// what is submitted meanwhile goes after them.
struct CommandMachine<Waiter>: RedisMachine {
    struct Output {
        let waiter: Waiter
        let result: Result<RESPValue, RedisError>
    }

    private struct Pending {
        /// Nil for a PING of our own.
        let command: RedisCommand?
        let waiter: Waiter?
        let deadline: NIODeadline
        /// Whether Redis may say that it does not know the script.
        var isByDigest = false

        var byteCount: Int { command?.byteCount ?? 0 }
    }

    private let configuration: RedisConfiguration
    private var life: RedisLife
    /// What is on its way.
    private var pending: Deque<Pending> = []
    /// Calls of scripts that Redis did not know.
    private var again: Deque<Pending> = []
    /// What comes after those.
    private var held: Deque<Pending> = []
    /// Digests of the scripts that Redis knows.
    private var known: Set<String> = []
    private(set) var pendingBytes = 0
    /// Commands for which there was no room.
    private(set) var refused = 0
    private var pingAt = NIODeadline.distantFuture

    init(_ configuration: RedisConfiguration, random: @escaping () -> Double) {
        self.configuration = configuration
        life = RedisLife(random: random)
    }

    var missing: String? { life.missing }
    var pendingCount: Int { pending.count + again.count + held.count }

    var nextWakeUp: NIODeadline? {
        switch life.phase {
        case .stopped, .connecting: nil
        case .waiting(let until): until
        case .greeting, .ready: oldest?.deadline ?? pingAt
        }
    }

    mutating func start() -> [RedisAction<Output>] {
        life.start()
        return [.connect]
    }

    mutating func connected(_ now: NIODeadline) -> [RedisAction<Output>] {
        guard life.phase == .connecting else { return [.close] }
        life.connected()
        known = []
        return [ping(now)]
    }

    mutating func submit(
        _ command: RedisCommand, waiter: Waiter, _ now: NIODeadline
    ) -> [RedisAction<Output>] {
        guard life.isReady else {
            return [fail(waiter, RedisError(.notConnected, .notExecuted, life.missing ?? ""))]
        }
        guard pendingCount < configuration.maxPending,
            pendingBytes + command.byteCount <= configuration.maxPendingBytes
        else {
            refused += 1
            return [fail(waiter, RedisError(.queueFull, .notExecuted))]
        }
        pendingBytes += command.byteCount
        let entry = Pending(command: command, waiter: waiter, deadline: now + configuration.replyTimeout)
        guard again.isEmpty else {
            held.append(entry)
            return []
        }
        return [write(entry, command)]
    }

    mutating func received(_ value: RESPValue, _ now: NIODeadline) -> [RedisAction<Output>] {
        guard let first = pending.popFirst() else { return lose("a reply that answers nothing", now) }
        pingAt = now + configuration.pingAfter
        if first.isByDigest, case .error(let text) = value, text.hasPrefix("NOSCRIPT") {
            known = []
            again.append(first)
            return writeAgain()
        }
        pendingBytes -= first.byteCount
        guard let waiter = first.waiter else {
            if case .error(let text) = value { return lose(text, now) }
            if life.phase == .greeting { life.greeted() }
            return []
        }
        let output =
            if case .error(let text) = value {
                fail(waiter, RedisError(.server, .answered, text))
            } else {
                RedisAction.output(Output(waiter: waiter, result: .success(value)))
            }
        return [output] + writeAgain()
    }

    mutating func closed(_ reason: String, _ now: NIODeadline) -> [RedisAction<Output>] {
        life.lost(reason, now)
        return failAll(RedisError(.connectionLost, .unknown, reason))
    }

    mutating func tick(_ now: NIODeadline) -> [RedisAction<Output>] {
        if life.isDue(now) { return [.connect] }
        guard life.phase == .ready || life.phase == .greeting else { return [] }
        // Replies come in order, so behind a late one all are late.
        if let oldest, oldest.deadline <= now {
            return lose("no reply in time", now, .timedOut)
        }
        guard pending.isEmpty, pingAt <= now else { return [] }
        return [ping(now)]
    }

    mutating func stop() -> [RedisAction<Output>] {
        life.stop()
        return [.close] + failAll(RedisError(.connectionLost, .unknown, "stopped"))
    }

    private mutating func ping(_ now: NIODeadline) -> RedisAction<Output> {
        pending.append(Pending(command: nil, waiter: nil, deadline: now + configuration.replyTimeout))
        return .write(.redisPing)
    }

    private var oldest: Pending? { again.first ?? pending.first }

    private mutating func write(_ entry: Pending, _ command: RedisCommand) -> RedisAction<Output> {
        var entry = entry
        let withText = command.script.map { known.insert($0.digest).inserted } ?? false
        entry.isByDigest = command.script != nil && !withText
        pending.append(entry)
        return .write(command.bytes(withText: withText))
    }

    private mutating func writeAgain() -> [RedisAction<Output>] {
        guard !again.isEmpty, pending.isEmpty else { return [] }
        defer {
            again = []
            held = []
        }
        return (again + held).compactMap { entry in entry.command.map { write(entry, $0) } }
    }

    private mutating func lose(
        _ reason: String, _ now: NIODeadline, _ code: RedisError.Code = .connectionLost
    ) -> [RedisAction<Output>] {
        life.lost(reason, now)
        return [.close] + failAll(RedisError(code, .unknown, reason))
    }

    private mutating func failAll(_ error: RedisError) -> [RedisAction<Output>] {
        defer {
            (pending, again, held) = ([], [], [])
            pendingBytes = 0
        }
        let notExecuted = RedisError(error.code, .notExecuted, error.message)
        return again.compactMap { entry in entry.waiter.map { fail($0, notExecuted) } }
            + pending.compactMap { entry in entry.waiter.map { fail($0, error) } }
            + held.compactMap { entry in entry.waiter.map { fail($0, notExecuted) } }
    }

    private func fail(_ waiter: Waiter, _ error: RedisError) -> RedisAction<Output> {
        .output(Output(waiter: waiter, result: .failure(error)))
    }
}

extension ByteBuffer {
    static var redisPing: ByteBuffer { ByteBuffer(staticString: "*1\r\n$4\r\nPING\r\n") }
}
