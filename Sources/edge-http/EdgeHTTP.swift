import ActiveCampaign
import Admin
import ArgumentParser
import Authentication
import Hummingbird
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
import Telemetry

/// The REST edge: HTTP in, one message to the bridge, its reply out.
@main
struct EdgeHTTP: AsyncParsableCommand {
    static let configuration = ProcessOptions.configuration(
        EdgeHTTPSettings.self, abstract: "The REST edge of vy-gateway.")

    @OptionGroup var options: ProcessOptions

    func run() async throws {
        try await options.run(EdgeHTTPSettings.self) { settings, common, logger, supervisor in
            let telemetry = ProcessTelemetry(.edgeHTTP, instance: common.instance)
            let traces = ProcessTraces(
                settings.traces, process: EdgeHTTPSettings.process, common, logger: logger)
            let bridge = BridgeClient(
                .init(
                    paths: settings.bridgeSockets, role: EdgeHTTPSettings.process,
                    instance: common.instance, build: Build.version),
                logger: logger)
            let redis = RedisClient(
                settings.redis, logger: logger)
            let activeCampaign = settings.activeCampaign.map {
                ActiveCampaign($0, redis: redis, instance: common.instance, logger: logger)
            }
            let contacts = activeCampaign.map { _ in
                PaymentContacts(redis: redis, isWanted: true, logger: logger)
            }
            let background = BackgroundRequests(limit: settings.maxInFlight)
            let delivery = OperationDelivery(
                store: RedisOperationStore(redis: redis, lifetime: settings.operationLifetime),
                background: background, logger: logger, send: { await bridge.request($0) },
                observe: { contacts?.note(request: $0, reply: $1) })
            let clients = ClientRules(
                timeouts: settings.timeouts, bodyLimit: settings.operations.bodyLimit,
                faults: ClientFaults(logger: logger), drain: ListenerDrain(logger: logger),
                isSecure: settings.tls != nil)
            // Not Redis: requests without a key go on while it is away.
            let missing: @Sendable () -> [String] = {
                [clients.drain.isDraining ? "draining" : nil, bridge.missing.map { "bridge: \($0)" }]
                    .compactMap { $0 }
            }
            let catalog = ServiceCatalog(
                settings.operations.services, source: settings.operations.source, logger: logger)
            let authenticator = try await Authenticator.of(
                settings.authentication, in: common.environment,
                danger: "whoever reaches this port acts for any user", logger: logger)
            // Without tokens nobody is a caller.
            let isLimited =
                authenticator != nil && settings.rates.caller != nil || settings.rates.address != nil
            let rates = isLimited ? RateLimiter(settings.rates, redis: redis, logger: logger) : nil
            let responder = GatewayResponder(
                catalog: catalog, cors: settings.cors,
                limits: .init(
                    body: settings.operations.bodyLimit, depth: settings.operations.depthLimit,
                    inFlight: settings.maxInFlight),
                page: Self.page(settings, common, logger),
                documentation: settings.documentationPath.map {
                    DocumentationSite(path: $0, catalog: catalog)
                },
                authenticator: authenticator, rates: rates,
                cache: settings.cacheLifetime.map {
                    ResponseCache(lifetime: $0, redis: redis, logger: logger)
                },
                delivery: delivery, health: HealthCheck { missing().isEmpty }, tracer: traces.tracer,
                logger: logger)
            let console = Console(peers: settings.consolePeers, on: telemetry.watch.eventLoop)
            let admin = AdminServer(
                host: settings.adminHost, port: settings.adminPort, telemetry: telemetry, logger: logger,
                parts: Self.parts(
                    settings, bridge, redis, activeCampaign, rates, background, clients, responder)
                    + [ScrapePart("traces") { traces.samples }],
                pages: console,
                counters: { await bridge.statistics().counts }
            ) { Readiness(missing: missing()) }
            // Stopped in the reverse order: the bridge and Redis stay until the last request is answered.
            let first: [any Service] =
                traces.services + [telemetry.watch, redis] + (rates.map { [$0] } ?? [])
                + (activeCampaign.map { [$0] } ?? [])
            let certificates = settings.tls.map { TLSCertificates($0, logger: logger) }
            return ProcessParts(
                services: first + [bridge, background, console, admin]
                    + Self.server(settings, clients, certificates, responder, supervisor, logger),
                reloads: [catalog] + (certificates.map { [$0] } ?? []))
        }
    }

    private static func server(
        _ settings: EdgeHTTPSettings, _ clients: ClientRules, _ certificates: TLSCertificates?,
        _ responder: GatewayResponder, _ supervisor: Supervisor, _ logger: Logger
    ) -> [any Service] {
        var serverLogger = logger
        serverLogger.logLevel = max(.warning, logger.logLevel)
        let server = Application(
            responder: responder,
            server: .clients(clients, certificates: certificates),
            configuration: .init(
                address: .hostname(settings.host, port: settings.port), backlog: 1024,
                availableConnectionsDelegate: .maximum(settings.maxConnections, logger: serverLogger)),
            onServerRunning: { channel in
                clients.drain.listening(channel)
                logger.info(
                    "listening",
                    metadata: [
                        "host": "\(settings.host)",
                        "port": "\(channel.localAddress?.port ?? settings.port)",
                    ])
                await supervisor.listening()
            },
            logger: serverLogger)
        return [clients.faults, server, clients.drain]
    }

    /// What is read for each scrape.
    private static func parts(
        _ settings: EdgeHTTPSettings, _ bridge: BridgeClient, _ redis: RedisClient,
        _ activeCampaign: ActiveCampaign?, _ rates: RateLimiter?, _ background: BackgroundRequests,
        _ clients: ClientRules, _ responder: GatewayResponder
    ) -> [ScrapePart] {
        [
            ScrapePart("bridge") { await bridge.samples() },
            ScrapePart("redis") { await redis.samples() },
            ScrapePart("activecampaign") { await activeCampaign?.samples() ?? [] },
            ScrapePart("clients") {
                responder.samples + background.samples + clients.faults.samples + (rates?.samples ?? [])
                    + Sample.queue(
                        "connections", items: clients.connections.count, itemsLimit: settings.maxConnections)
            },
        ]
    }

    private static func page(
        _ settings: EdgeHTTPSettings, _ common: CommonSettings, _ logger: Logger
    ) -> ByteBuffer? {
        guard common.environment == .local else { return nil }
        do {
            return ByteBuffer(string: try SettingsReader.contents(ofFile: settings.demoPage))
        } catch {
            logger.warning("no demo page", metadata: ["path": "\(settings.demoPage)", "error": "\(error)"])
            return nil
        }
    }
}
