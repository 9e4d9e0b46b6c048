import DequeModule
import NIOCore

/// A connection for commands: pipelined, in order, bounded, and refused at once while Redis is away.
struct CommandMachine<Waiter>: RedisMachine {
    struct Output {
        let waiter: Waiter
        let result: Result<RESPValue, RedisError>
    }

    private struct Pending {
        /// Nil for a command of our own: AUTH or PING.
        let waiter: Waiter?
        let byteCount: Int
        let deadline: NIODeadline
    }

    private let configuration: RedisConfiguration
    private var life: RedisLife
    private var pending: Deque<Pending> = []
    private(set) var pendingBytes = 0
    /// Commands for which there was no room.
    private(set) var refused = 0
    private var pingAt = NIODeadline.distantFuture

    init(_ configuration: RedisConfiguration, random: @escaping () -> Double) {
        self.configuration = configuration
        life = RedisLife(random: random)
    }

    var missing: String? { life.missing }
    var pendingCount: Int { pending.count }

    var nextWakeUp: NIODeadline? {
        switch life.phase {
        case .stopped, .connecting: nil
        case .waiting(let until): until
        case .greeting, .ready: pending.first?.deadline ?? pingAt
        }
    }

    mutating func start() -> [RedisAction<Output>] {
        life.start()
        return [.connect]
    }

    mutating func connected(_ now: NIODeadline) -> [RedisAction<Output>] {
        guard life.phase == .connecting else { return [.close] }
        life.connected()
        return configuration.greeting.map { own($0, now) }
    }

    mutating func submit(
        _ command: ByteBuffer, waiter: Waiter, _ now: NIODeadline
    ) -> [RedisAction<Output>] {
        guard life.isReady else {
            return [fail(waiter, RedisError(.notConnected, .notExecuted, life.missing ?? ""))]
        }
        guard pending.count < configuration.maxPending,
            pendingBytes + command.readableBytes <= configuration.maxPendingBytes
        else {
            refused += 1
            return [fail(waiter, RedisError(.queueFull, .notExecuted))]
        }
        enqueue(waiter, command.readableBytes, now)
        return [.write(command)]
    }

    mutating func received(_ value: RESPValue, _ now: NIODeadline) -> [RedisAction<Output>] {
        guard let first = pending.popFirst() else { return lose("a reply that answers nothing", now) }
        pendingBytes -= first.byteCount
        pingAt = now + configuration.pingAfter
        guard let waiter = first.waiter else {
            if case .error(let text) = value { return lose(RedisLife.reason(text), now) }
            // AUTH comes before PING, and is answered by OK.
            if life.phase == .greeting, pending.isEmpty { life.greeted(now) }
            return []
        }
        if case .error(let text) = value { return [fail(waiter, RedisError(.server, .answered, text))] }
        return [.output(Output(waiter: waiter, result: .success(value)))]
    }

    mutating func closed(_ reason: String, _ now: NIODeadline) -> [RedisAction<Output>] {
        life.lost(reason, now)
        return failAll(RedisError(.connectionLost, .unknown, reason))
    }

    mutating func tick(_ now: NIODeadline) -> [RedisAction<Output>] {
        if life.isDue(now) { return [.connect] }
        guard life.phase == .ready || life.phase == .greeting else { return [] }
        // Replies come in order, so behind a late one all are late.
        if let first = pending.first, first.deadline <= now {
            return lose("no reply in time", now, .timedOut)
        }
        guard pending.isEmpty, pingAt <= now else { return [] }
        return [own(.redisPing, now)]
    }

    mutating func stop() -> [RedisAction<Output>] {
        life.stop()
        return [.close] + failAll(RedisError(.connectionLost, .unknown, "stopped"))
    }

    private mutating func own(_ command: ByteBuffer, _ now: NIODeadline) -> RedisAction<Output> {
        enqueue(nil, 0, now)
        return .write(command)
    }

    private mutating func enqueue(_ waiter: Waiter?, _ byteCount: Int, _ now: NIODeadline) {
        pending.append(
            Pending(waiter: waiter, byteCount: byteCount, deadline: now + configuration.replyTimeout))
        pendingBytes += byteCount
    }

    private mutating func lose(
        _ reason: String, _ now: NIODeadline, _ code: RedisError.Code = .connectionLost
    ) -> [RedisAction<Output>] {
        life.lost(reason, now)
        return [.close] + failAll(RedisError(code, .unknown, reason))
    }

    private mutating func failAll(_ error: RedisError) -> [RedisAction<Output>] {
        defer {
            pending = []
            pendingBytes = 0
        }
        return pending.compactMap { entry in entry.waiter.map { fail($0, error) } }
    }

    private func fail(_ waiter: Waiter, _ error: RedisError) -> RedisAction<Output> {
        .output(Output(waiter: waiter, result: .failure(error)))
    }
}

extension ByteBuffer {
    static var redisPing: ByteBuffer { ByteBuffer(staticString: "*1\r\n$4\r\nPING\r\n") }
}
