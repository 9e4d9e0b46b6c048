import Logging
import ServiceLifecycle
import Shared
import SocketIO

/// The life of the Socket.IO server: it listens, and at the end closes its clients' transports, upon which they
/// connect to another replica.
struct SocketIOService: Service {
    let server: SocketIOServer
    let recovery: Recovery
    let emitter: EmitterIntake?
    let requests: SocketRequests
    let refusals: Refusals
    let host: String
    let port: Int
    let drainTime: Duration
    let shutdownTimeout: Duration
    let supervisor: Supervisor
    let logger: Logger

    func run() async throws {
        await RecoveryKey.wait(for: recovery, limit: .seconds(2))
        let bound = try await server.start(host: host, port: port)
        logger.info("listening", metadata: ["host": "\(host)", "port": "\(bound)"])
        await supervisor.listening()
        try? await gracefulShutdown()
        // Polling clients still need to get in until their sessions are closed.
        let deadline = ContinuousClock.now + shutdownTimeout
        await server.drain(over: min(drainTime, shutdownTimeout))
        await server.stopAccepting()
        while server.statistics.sessions > 0, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        await server.stop()
        let statistics = server.statistics
        let emitted = emitter?.statistics ?? .init()
        let requests = requests.statistics
        logger.info(
            "summary",
            metadata: [
                "slowConsumers": "\(statistics.slowConsumers)",
                "refusedConnections": "\(statistics.refusedConnections)",
                "emitterEvents": "\(emitted.events)",
                "emitterRefused": "\(emitted.refused)",
                "requests": "\(requests.sent)",
                "refusedRequests": .dictionary(requests.refused.mapValues { "\($0)" }),
                "refused": .dictionary(refusals.byReason.mapValues { "\($0)" }),
                "ignoredEvents": "\(requests.ignored)",
                "sessionsLeft": "\(statistics.sessions)",
            ])
    }
}
