import Shared

/// What clients may have and do, beside the server's own bounds.
struct SocketLimits: Sendable {
    let connectionsPerUser: Int
    /// For each address; nil: no limit.
    let connectRate: Rate?
    let proxies: TrustedProxies
    /// For each socket; nil: no limit.
    let eventRate: Rate?

    init(from reader: inout SettingsReader) {
        connectionsPerUser = reader.integer(
            "WS_MAX_CONNECTIONS_PER_USER", default: 100, in: 1...1_000_000,
            help: "Sockets of one user at one edge-ws; more get a connect error.")
        let perSecond = reader.integer(
            "WS_CONNECT_RATE", default: 0, in: 0...1_000_000,
            help: "Sessions that one client address may begin in a second, else 429; 0: no limit. "
                + "Behind a proxy set WS_TRUSTED_PROXIES as well: else all clients share its address.")
        let burst = reader.integer(
            "WS_CONNECT_BURST", default: 100, in: 1...1_000_000,
            help: "Sessions that one client address may begin at once after a rest.")
        connectRate = perSecond > 0 ? Rate(perSecond: perSecond, burst: burst) : nil
        proxies = TrustedProxies("WS_TRUSTED_PROXIES", from: &reader)
        let events = reader.integer(
            "WS_EVENT_RATE", default: 100, in: 0...1_000_000,
            help:
                "Events that one socket may send in a second, else 429, and 41 to one that goes on; 0: no limit."
        )
        eventRate = events > 0 ? Rate(perSecond: events, burst: events) : nil
    }
}
