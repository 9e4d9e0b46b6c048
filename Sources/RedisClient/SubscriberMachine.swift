import NIOCore

/// A connection for subscriptions, which are made anew each time the connection is.
struct SubscriberMachine: RedisMachine {
    enum Output: Equatable {
        /// From now on messages come; comes again after each reconnection, before which some may have been missed.
        case subscribed(String)
        case message(channel: String, ByteBuffer)
    }

    /// Channels in one SUBSCRIBE when a connection is made anew.
    static let batch = 500

    private let configuration: RedisConfiguration
    private var life: RedisLife
    private var channels: Set<String> = []
    private var pingAt = NIODeadline.distantFuture
    private var pongBy: NIODeadline?

    init(_ configuration: RedisConfiguration, random: @escaping () -> Double) {
        self.configuration = configuration
        life = RedisLife(random: random)
    }

    var missing: String? { life.missing }
    var channelCount: Int { channels.count }

    var nextWakeUp: NIODeadline? {
        switch life.phase {
        case .stopped, .connecting: nil
        case .waiting(let until): until
        case .greeting, .ready: pongBy ?? pingAt
        }
    }

    mutating func start() -> [RedisAction<Output>] {
        life.start()
        return [.connect]
    }

    mutating func connected(_ now: NIODeadline) -> [RedisAction<Output>] {
        guard life.phase == .connecting else { return [.close] }
        life.connected()
        return own(configuration.greeting, now)
    }

    mutating func subscribe(_ channel: String) -> [RedisAction<Output>] {
        channels.insert(channel)
        return life.isReady ? [Self.command("SUBSCRIBE", [channel])] : []
    }

    mutating func unsubscribe(_ channel: String) -> [RedisAction<Output>] {
        guard channels.remove(channel) != nil, life.isReady else { return [] }
        return [Self.command("UNSUBSCRIBE", [channel])]
    }

    mutating func received(_ value: RESPValue, _ now: NIODeadline) -> [RedisAction<Output>] {
        pingAt = now + configuration.pingAfter
        // Before the first subscription a PONG is a status, after it an array.
        if case .error(let text) = value { return lose(RedisLife.reason(text), now) }
        guard let items = value.items else {
            if value.text == "PONG" { return ponged(now) }
            // AUTH's answer, before that of PING.
            return life.phase == .greeting && value.text == "OK" ? [] : unreadable(now)
        }
        guard let kind = items.first?.text else { return unreadable(now) }
        if kind == "pong" { return ponged(now) }
        guard items.count >= 3 else { return unreadable(now) }
        // The channel of the very last UNSUBSCRIBE's answer may be null.
        guard let channel = items[1].text, channels.contains(channel) else { return [] }
        switch kind {
        case "message": return items[2].bytes.map { [.output(.message(channel: channel, $0))] } ?? []
        case "subscribe": return [.output(.subscribed(channel))]
        default: return []
        }
    }

    private mutating func ponged(_ now: NIODeadline) -> [RedisAction<Output>] {
        pongBy = nil
        guard life.phase == .greeting else { return [] }
        life.greeted(now)
        let all = channels.sorted()
        return stride(from: 0, to: all.count, by: Self.batch).map { start in
            Self.command("SUBSCRIBE", Array(all[start..<min(start + Self.batch, all.count)]))
        }
    }

    mutating func closed(_ reason: String, _ now: NIODeadline) -> [RedisAction<Output>] {
        life.lost(reason, now)
        pongBy = nil
        return []
    }

    mutating func tick(_ now: NIODeadline) -> [RedisAction<Output>] {
        if life.isDue(now) { return [.connect] }
        guard life.phase == .ready || life.phase == .greeting else { return [] }
        if let pongBy { return pongBy <= now ? lose("no reply in time", now) : [] }
        return pingAt <= now ? own([.redisPing], now) : []
    }

    mutating func stop() -> [RedisAction<Output>] {
        life.stop()
        return [.close]
    }

    private mutating func own(_ commands: [ByteBuffer], _ now: NIODeadline) -> [RedisAction<Output>] {
        pongBy = now + configuration.replyTimeout
        return commands.map { .write($0) }
    }

    private mutating func unreadable(_ now: NIODeadline) -> [RedisAction<Output>] {
        lose("a reply that a subscription does not have", now)
    }

    private mutating func lose(_ reason: String, _ now: NIODeadline) -> [RedisAction<Output>] {
        life.lost(reason, now)
        pongBy = nil
        return [.close]
    }

    private static func command(_ name: String, _ channels: [String]) -> RedisAction<Output> {
        var buffer = ByteBuffer()
        buffer.writeRedisCommand([.text(name)] + channels.map { .text($0) })
        return .write(buffer)
    }
}
