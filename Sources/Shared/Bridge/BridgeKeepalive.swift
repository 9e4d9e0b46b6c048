import NIOCore

/// Decides for one side of one connection when to ping and when to give the other side up.
struct BridgeKeepalive: Sendable {
    enum Verdict: Equatable {
        case fine, ping, dead
    }

    private var received: NIODeadline
    private var sent: NIODeadline

    init(now: NIODeadline) {
        received = now
        sent = now
    }

    mutating func didReceive(_ now: NIODeadline) { received = now }
    mutating func didSend(_ now: NIODeadline) { sent = now }

    /// When to ask again. A ping counts as sent, so one is due at most every five seconds.
    var next: NIODeadline { min(sent + BridgeLimits.pingAfter, received + BridgeLimits.closeAfter) }

    func verdict(_ now: NIODeadline) -> Verdict {
        if now >= received + BridgeLimits.closeAfter { return .dead }
        return now >= sent + BridgeLimits.pingAfter ? .ping : .fine
    }
}
