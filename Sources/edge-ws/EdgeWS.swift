import Admin
import ArgumentParser
import Authentication
import Logging
import NIOCore
import NIOPosix
import OTLPTracing
import Operations
import PaymentContacts
import RedisClient
import ResponseCache
import ServiceLifecycle
import Shared
import SocketIO
import Telemetry

/// The Socket.IO edge: clients in rooms of their users, updates from Redis to the rooms.
@main
struct EdgeWS: AsyncParsableCommand {
    static let configuration = ProcessOptions.configuration(
        EdgeWSSettings.self, abstract: "The Socket.IO edge of vy-gateway.")

    @OptionGroup var options: ProcessOptions

    func run() async throws {
        try await options.run(EdgeWSSettings.self) { settings, common, logger, supervisor in
            let telemetry = ProcessTelemetry(.edgeWS, instance: common.instance)
            let traces = ProcessTraces(
                settings.traces, process: EdgeWSSettings.process, common, logger: logger)
            let group = MultiThreadedEventLoopGroup.singleton
            let recovery = Recovery(window: settings.recoveryWindow)
            let events = UpdateEvents(
                namespace: settings.namespace, recovery: recovery, tracer: traces.tracer,
                offersTraceContext: settings.offersTraceContext)
            let emitter = settings.emitter.map { channels in
                EmitterIntake(
                    channels, limit: settings.socketIO.bufferLimit, keepsOffset: recovery.isEnabled,
                    logger: logger)
            }
            let commands = RedisClient(settings.redis, logger: logger)
            let updates = Updates(
                settings.redis, recovery: recovery, events: events, emitter: emitter, group: group,
                logger: logger)
            let authenticator = try await Authenticator.of(
                settings.authentication, in: common.environment,
                danger: "whoever reaches this port gets any user's updates", logger: logger)
            let bridge = settings.bridgeSockets.map {
                BridgeClient(
                    .init(
                        paths: $0, role: EdgeWSSettings.process, instance: common.instance,
                        build: Build.version),
                    logger: logger)
            }
            let catalog = ServiceCatalog(
                settings.operations.services, source: settings.operations.source,
                reservedEvents: [UserGateway.registerEvent], logger: logger)
            let cache = settings.cacheLifetime.map {
                ResponseCache(lifetime: $0, redis: commands, logger: logger)
            }
            let requests = Self.requests(
                settings, catalog, bridge, cache,
                PaymentContacts(redis: commands, isWanted: false, logger: logger), traces.tracer, logger)
            let refusals = Refusals()
            var socketIO = settings.socketIO
            socketIO.allowSession = settings.limits.connectRate.map { rate in
                ConnectLimit(rate, proxies: settings.limits.proxies, refusals: refusals).allows
            }
            let users = UserGateway(
                events: events, updates: updates, authenticator: authenticator, requests: requests,
                limits: settings.limits,
                refusals: refusals, logger: logger)
            socketIO.isReady = { updates.missing == nil }
            let configuration = socketIO
            let server = SocketIOServer(
                configuration, namespaces: [settings.namespace], delegate: users, group: group, logger: logger
            )
            updates.attach(server)
            let admin = AdminServer(
                host: settings.adminHost, port: settings.adminPort, telemetry: telemetry, logger: logger,
                parts: [
                    ScrapePart("bridge") { await bridge?.samples() ?? [] },
                    ScrapePart("redis") { await updates.samples(with: commands) },
                    ScrapePart("sockets") {
                        await server.samples(configuration)
                            + [Sample(.socketUsers, count: users.userCount)] + requests.samples
                            + refusals.samples + (emitter?.samples ?? [])
                    },
                    ScrapePart("traces") { traces.samples },
                ],
                counters: { await bridge?.statistics().counts ?? [:] }
            ) {
                let missing = updates.missing.map { "redis: \($0)" }
                return Readiness(missing: [server.isDraining ? "draining" : nil, missing].compactMap { $0 })
            }
            // Stopped in the reverse order: updates flow until the last client is gone.
            let services: [any Service] = [
                telemetry.watch, commands,
                RecoveryKey(
                    secret: settings.recoverySecret, recovery: recovery, commands: commands, logger: logger),
                admin,
                SocketIOService(
                    server: server, recovery: recovery, emitter: emitter, requests: requests,
                    refusals: refusals, host: settings.host, port: settings.port,
                    drainTime: settings.drainTime,
                    shutdownTimeout: common.shutdownTimeout, supervisor: supervisor, logger: logger),
            ]
            return ProcessParts(
                services: traces.services + (bridge.map { [$0] } ?? []) + updates.services + services,
                reloads: bridge == nil ? [] : [catalog])
        }
    }

    private static func requests(
        _ settings: EdgeWSSettings, _ catalog: ServiceCatalog, _ bridge: BridgeClient?,
        _ cache: ResponseCache?, _ contacts: PaymentContacts, _ tracer: ProcessTracer, _ logger: Logger
    ) -> SocketRequests {
        var send: (@Sendable (BridgeRequest) async -> BridgeOutcome)?
        if let bridge { send = { await bridge.request($0) } }
        return SocketRequests(
            catalog: catalog,
            limits: .init(
                body: settings.operations.bodyLimit, depth: settings.operations.depthLimit,
                perSocket: settings.maxRequestsPerSocket, total: settings.maxInFlight),
            cache: cache, contacts: contacts, tracer: tracer, logger: logger, send: send)
    }
}
