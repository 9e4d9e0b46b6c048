import DequeModule
import NIOCore

/// Why a session ended, in the words of the official server.
public enum EngineCloseReason: String, Sendable, CaseIterable {
    case transportClose = "transport close"
    case transportError = "transport error"
    case pingTimeout = "ping timeout"
    case parseError = "parse error"
    case forcedClose = "forced close"
    case serverShutdown = "server shutting down"
    case slowConsumer = "slow consumer"
}

/// One Engine.IO session: its transport, the upgrade to another, heartbeats, and what waits to be sent.
///
/// It does no I/O: requests, packets and time in, actions out.
struct EngineSessionMachine {
    struct Timing: Sendable {
        let pingInterval: TimeAmount
        let pingTimeout: TimeAmount
        let upgradeTimeout: TimeAmount
    }

    enum Action: Equatable {
        /// Answer the GET that waits, with status 200.
        case answerPoll([EnginePacket])
        /// Answer the request at hand with status 400.
        case refuse
        /// Answer the POST at hand with `ok`.
        case acceptPost
        case send([EnginePacket])
        /// The same; ``portionSent()`` comes when the connection has taken all of it.
        case sendPortion([EnginePacket])
        case sendCandidate(EnginePacket)
        /// The candidate is the session's WebSocket from now on.
        case adoptCandidate
        case closeCandidate
        case closeWebSocket
        case deliver(WebSocketMessage)
        case closed(EngineCloseReason)
    }

    private enum Transport { case polling, webSocket }

    private enum Phase: Equatable {
        case open
        /// A polling client is still to be told; the next GET brings it the close packet.
        case closing(until: NIODeadline)
        case closed
    }

    private let timing: Timing
    private let queueLimit: Int
    private let missedLimit: Int
    private var transport: Transport
    private var upgrade: TransportUpgrade
    private var phase = Phase.open
    private var isPolled = false
    private var queue: Deque<EnginePacket> = []
    private var queuedBytes = 0
    private var backlog = Backlog()
    /// Whether the WebSocket has not taken the last portion of the backlog yet.
    private var isPortionUnderWay = false
    /// When the next ping leaves, or nil while one awaits its pong.
    private var pingAt: NIODeadline?
    private var pongBy: NIODeadline

    /// - Parameters:
    ///   - queueLimit: bytes that may wait for the client's next GET, or behind what it has missed.
    ///   - missedLimit: bytes of what it has missed that may wait.
    ///   - now: the time of the handshake, from which the first heartbeat counts.
    init(isWebSocket: Bool, timing: Timing, queueLimit: Int, missedLimit: Int, now: NIODeadline) {
        self.timing = timing
        upgrade = TransportUpgrade(timeout: timing.upgradeTimeout)
        self.queueLimit = queueLimit
        self.missedLimit = missedLimit
        transport = isWebSocket ? .webSocket : .polling
        pingAt = now + timing.pingInterval
        pongBy = now + timing.pingInterval + timing.pingTimeout
    }

    var isWebSocket: Bool { transport == .webSocket }
    var isClosed: Bool { phase == .closed }
    /// Whether ``send(_:isMissed:)`` would pass on to the WebSocket what it gets.
    var sendsAtOnce: Bool { phase == .open && transport == .webSocket && backlog.isEmpty }
    /// Bytes that have not gone to the client's connection yet.
    var waitingBytes: Int { queuedBytes + backlog.missedBytes + backlog.liveBytes }

    /// The earliest time at which ``tick(_:)`` has something to do.
    var nextWakeUp: NIODeadline? {
        switch phase {
        case .closed: return nil
        case .closing(let until): return until
        case .open:
            let next = min(pingAt ?? pongBy, pongBy)
            return min(next, upgrade.deadline ?? next)
        }
    }

    // MARK: - Polling

    mutating func polled(_ now: NIODeadline) -> [Action] {
        if phase == .open, now >= pongBy { return close(.pingTimeout) + [.refuse] }
        switch phase {
        case .closed: return [.refuse]
        case .closing:
            phase = .closed
            return [.answerPoll([.close])]
        case .open:
            guard transport == .polling else { return [.refuse] }
            guard !isPolled else { return close(.transportError, tellPoll: .close) + [.refuse] }
            isPolled = true
            return flushPoll()
        }
    }

    /// The client gave up its waiting GET, and with it the session.
    mutating func pollAborted() -> [Action] {
        guard phase == .open, isPolled else { return [] }
        isPolled = false
        return close(.transportClose)
    }

    mutating func posted(_ body: ByteBuffer, _ now: NIODeadline) -> [Action] {
        guard phase == .open, transport == .polling else { return [.refuse] }
        guard let packets = try? EnginePayload.decode(body) else {
            return close(.parseError, tellPoll: .close) + [.refuse]
        }
        var actions: [Action] = []
        for packet in packets where phase == .open { actions += received(packet, now) }
        return actions + [.acceptPost]
    }

    private mutating func flushPoll() -> [Action] {
        guard isPolled else { return [] }
        enqueue(backlog.portion(portionSize))
        if queue.isEmpty {
            guard upgrade.isProbed else { return [] }
            isPolled = false
            return [.answerPoll([.noop])]
        }
        isPolled = false
        defer {
            queue = []
            queuedBytes = 0
        }
        return [.answerPoll(Array(queue))]
    }

    // MARK: - WebSocket

    /// A WebSocket names this session: false when it may not be its transport.
    mutating func candidateArrived(_ now: NIODeadline) -> Bool {
        guard phase == .open, transport == .polling else { return false }
        return upgrade.begin(now)
    }

    /// - Parameter packet: nil for a message that is none.
    mutating func candidateSent(_ packet: EnginePacket?) -> [Action] {
        switch upgrade.received(packet) {
        case .probed(let data)?: return [.sendCandidate(.pong(data))] + flushPoll()
        case .upgraded?: return upgraded()
        case .failed?: return [.closeCandidate]
        case nil: return []
        }
    }

    private mutating func upgraded() -> [Action] {
        var actions: [Action] = []
        if isPolled {
            isPolled = false
            actions.append(.answerPoll([.noop]))
        }
        transport = .webSocket
        actions.append(.adoptCandidate)
        if !queue.isEmpty { actions.append(.send(Array(queue))) }
        queue = []
        queuedBytes = 0
        return actions + sendPortion()
    }

    mutating func candidateGone() { upgrade.end() }

    /// - Parameter packet: nil for a message that is none.
    mutating func webSocketSent(_ packet: EnginePacket?, _ now: NIODeadline) -> [Action] {
        guard phase == .open else { return [] }
        guard let packet else { return close(.parseError) }
        return received(packet, now)
    }

    mutating func transportEnded(_ reason: EngineCloseReason) -> [Action] { close(reason) }

    private mutating func received(_ packet: EnginePacket, _ now: NIODeadline) -> [Action] {
        switch packet {
        case .message(let text): return [.deliver(.text(text))]
        case .binary(let data): return [.deliver(.binary(data))]
        case .pong:
            pingAt = now + timing.pingInterval
            pongBy = now + timing.pingInterval + timing.pingTimeout
            return []
        case .close: return close(.transportClose)
        // Since protocol 4 only the server pings.
        case .ping: return close(.transportError)
        case .open, .upgrade, .noop: return []
        }
    }

    // MARK: - The server's side

    /// - Parameter isMissed: the client was away when it came, so it leaves in portions as the client takes them, and what
    ///   is sent later stays behind it.
    mutating func send(_ packets: [EnginePacket], isMissed: Bool = false) -> [Action] {
        guard phase == .open else { return [] }
        guard isMissed || !backlog.isEmpty else { return sendNow(packets) }
        backlog.append(packets, isMissed: isMissed)
        guard backlog.missedBytes <= missedLimit, backlog.liveBytes <= queueLimit else {
            return close(.slowConsumer)
        }
        return transport == .polling ? flushPoll() : sendPortion()
    }

    private mutating func sendNow(_ packets: [EnginePacket]) -> [Action] {
        guard transport == .polling else { return [.send(packets)] }
        enqueue(packets)
        let actions = flushPoll()
        guard queuedBytes <= queueLimit else { return actions + close(.slowConsumer) }
        return actions
    }

    private mutating func enqueue(_ packets: [EnginePacket]) {
        queue.append(contentsOf: packets)
        queuedBytes += packets.reduce(0) { $0 + $1.byteCount }
    }

    /// Leaves room for what is sent beside it, such as pings.
    private var portionSize: Int { queueLimit / 4 }

    private mutating func sendPortion() -> [Action] {
        guard !backlog.isEmpty, !isPortionUnderWay else { return [] }
        isPortionUnderWay = true
        return [.sendPortion(backlog.portion(portionSize))]
    }

    mutating func portionSent() -> [Action] {
        isPortionUnderWay = false
        return phase == .open ? sendPortion() : []
    }

    /// Ends the session from this side. A polling client without a GET is told by its next one, within a while.
    mutating func close(from now: NIODeadline, _ reason: EngineCloseReason) -> [Action] {
        guard phase == .open else { return [] }
        let mustWait = transport == .polling && !isPolled
        let actions = close(reason, tellPoll: .close)
        if mustWait { phase = .closing(until: now + .seconds(30)) }
        return actions
    }

    private mutating func close(_ reason: EngineCloseReason, tellPoll: EnginePacket = .noop) -> [Action] {
        guard phase == .open else { return [] }
        phase = .closed
        queue = []
        queuedBytes = 0
        backlog = Backlog()
        var actions: [Action] = []
        if isPolled { actions.append(.answerPoll([tellPoll])) }
        isPolled = false
        if upgrade.isUnderWay { actions.append(.closeCandidate) }
        upgrade.end()
        if transport == .webSocket { actions.append(.closeWebSocket) }
        return actions + [.closed(reason)]
    }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        switch phase {
        case .closed: return []
        case .closing(let until):
            if now >= until { phase = .closed }
            return []
        case .open: break
        }
        if now >= pongBy { return close(.pingTimeout) }
        var actions: [Action] = []
        if upgrade.expired(now) { actions.append(.closeCandidate) }
        if let ping = pingAt, now >= ping {
            pingAt = nil
            actions += sendNow([.ping(ByteBuffer())])
        }
        return actions
    }
}
