import SocketIO
import Telemetry

extension SocketIOServer {
    /// For a scrape.
    func samples(_ configuration: SocketIOConfiguration) async -> [Sample] {
        let statistics = statistics
        let occupancy = await occupancy()
        let bufferedBytes = await bufferedBytes()
        return [
            Sample(
                .socketSessions, "polling", count: max(0, statistics.sessions - statistics.webSockets)),
            Sample(.socketSessions, "websocket", count: statistics.webSockets),
            Sample(.socketSessionsOpened, "polling", count: statistics.begunByPolling),
            Sample(.socketSessionsOpened, "websocket", count: statistics.begunOnWebSocket),
            Sample(.socketUpgrades, count: statistics.upgrades),
            Sample(.socketBufferedBytes, count: bufferedBytes),
            Sample(.socketSockets, count: occupancy.sockets), Sample(.socketRooms, count: occupancy.rooms),
        ]
            + EngineCloseReason.allCases.map {
                Sample(.socketSessionsEnded, $0.rawValue, count: statistics.ended[$0] ?? 0)
            }
            + Sample.queue(
                "sessions", items: statistics.sessions, itemsLimit: configuration.maxConnections,
                refused: statistics.refusedConnections)
            + Sample.queue(
                "connections", items: statistics.connections, itemsLimit: 2 * configuration.maxConnections)
    }
}
