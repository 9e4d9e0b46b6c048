import Logging
import ServiceLifecycle
import Shared
import SocketIO
import Synchronization

/// The life of the Socket.IO server: it listens, and at the end closes its clients' transports, upon which they
/// connect to another replica.
struct SocketIOService: Service {
    let server: SocketIOServer
    let host: String
    let port: Int
    let shutdownTimeout: Duration
    let logger: Logger

    func run() async throws {
        let bound = try await server.start(host: host, port: port)
        logger.info("listening", metadata: ["host": "\(host)", "port": "\(bound)"])
        try? await gracefulShutdown()
        await server.stopAccepting()
        server.closeAll()
        let deadline = ContinuousClock.now + shutdownTimeout
        while server.statistics.sessions > 0, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        await server.stop()
        let statistics = server.statistics
        logger.info(
            "summary",
            metadata: [
                "slowConsumers": "\(statistics.slowConsumers)",
                "refusedConnections": "\(statistics.refusedConnections)",
                "sessionsLeft": "\(statistics.sessions)",
            ])
    }
}
