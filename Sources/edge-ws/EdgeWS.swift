import Admin
import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import RedisClient
import ServiceLifecycle
import Shared
import SocketIO
import Synchronization

/// The Socket.IO edge: clients in rooms of their users, updates from Redis to the rooms.
@main
struct EdgeWS: AsyncParsableCommand {
    static let configuration = ProcessOptions.configuration(
        EdgeWSSettings.self, abstract: "The Socket.IO edge of vy-gateway.")

    @OptionGroup var options: ProcessOptions

    func run() async throws {
        try await options.run(EdgeWSSettings.self) { settings, common, logger in
            let group = MultiThreadedEventLoopGroup.singleton
            let eventLoop = group.any()
            let redis = RedisConfiguration(host: settings.redisHost, port: settings.redisPort)
            let commands = RedisClient(redis, logger: logger)
            let recovery = Recovery(window: settings.recoveryWindow)
            let rooms = Rooms(namespace: settings.namespace, recovery: recovery)
            let updates = UpdateFanout(
                commands: commands, recovery: recovery, emitter: settings.emitter, eventLoop: eventLoop,
                logger: logger
            ) { rooms.emit($1, to: $0) }
            let emitter = settings.emitter.map { channels in
                EmitterIntake(
                    channels, limit: settings.socketIO.bufferLimit, keepsOffset: recovery.isEnabled,
                    logger: logger
                ) { rooms.emit($0, to: $1) }
            }
            let subscriber = RedisSubscriber(redis, eventLoop: eventLoop, logger: logger) { event in
                if case .message(let channel, let message) = event,
                    emitter?.take(message, from: channel) == true
                {
                    return
                }
                updates.handle(event)
            }
            if let channel = settings.emitter?.broadcast { subscriber.subscribe(channel) }
            updates.attach(subscriber)
            let server = SocketIOServer(
                settings.socketIO, namespaces: [settings.namespace],
                delegate: UserGateway(
                    namespace: settings.namespace, updates: updates, recovery: recovery, logger: logger),
                group: group, logger: logger)
            rooms.attach(server)
            let admin = AdminServer(
                host: settings.adminHost, port: settings.adminPort, process: EdgeWSSettings.process,
                logger: logger
            ) {
                let missing = (commands.missing ?? subscriber.missing).map { "redis: \($0)" }
                return Readiness(missing: [server.isDraining ? "draining" : nil, missing].compactMap { $0 })
            }
            // Stopped in the reverse order: updates flow until the last client is gone.
            return [
                commands, subscriber,
                RecoveryKey(
                    secret: settings.recoverySecret, recovery: recovery, commands: commands, logger: logger),
                admin,
                SocketIOService(
                    server: server, recovery: recovery, emitter: emitter, host: settings.host,
                    port: settings.port,
                    drainTime: settings.drainTime, shutdownTimeout: common.shutdownTimeout, logger: logger),
            ]
        }
    }
}

/// The way from updates to the server, which is made after what feeds it.
private final class Rooms: Sendable {
    private let namespace: String
    private let recovery: Recovery
    private let server = Mutex<SocketIOServer?>(nil)

    init(namespace: String, recovery: Recovery) {
        self.namespace = namespace
        self.recovery = recovery
    }

    func attach(_ server: SocketIOServer) { self.server.withLock { $0 = server } }

    func emit(_ update: UserUpdate, to userID: String) {
        let event = recovery.event(update, of: userID, namespace: namespace)
        server.withLock { $0 }?.emit(event, toRoom: UserGateway.room(userID))
    }

    func emit(_ event: EncodedEvent, to audience: Audience) {
        server.withLock { $0 }?.emit(event, to: audience)
    }
}
