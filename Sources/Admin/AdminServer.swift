public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
public import ServiceLifecycle
import Shared
import Synchronization
public import Telemetry

/// What a process lacks before it can do its work.
public struct Readiness: Sendable {
    /// One sentence for each thing that is missing; empty means ready.
    public let missing: [String]

    public init(missing: [String]) { self.missing = missing }
}

/// The HTTP server for operators, apart from the public port: `/livez`, `/readyz`, `/version`, `/counters`, `/metrics`, `/errors`
/// (the last warnings and errors of the log) and `/report` (what a console shows of the process).
///
/// It has the watching thread for itself, so that it answers while the event loops or the concurrency pool hang.
public struct AdminServer: Service {
    /// Further connections are closed at once.
    static let maxConnections = 64
    /// For a request, and between two.
    static let idleTimeout = TimeAmount.seconds(30)
    /// For `/counters`.
    static let patience = TimeAmount.seconds(2)

    private let host: String
    private let port: Int
    private let site: AdminSite
    private let eventLoop: any EventLoop
    private let logger: Logger

    /// - Parameters:
    ///   - port: 0 picks a free port; the log line `admin listening` names it.
    ///   - parts: read for each `GET /metrics`, beside what has been counted.
    ///   - pages: what this process alone serves besides.
    ///   - counters: called for each `GET /counters`: numbers by group and name.
    ///   - readiness: called for each `GET /readyz`; it must not block.
    public init(
        host: String, port: Int, telemetry: ProcessTelemetry, logger: Logger, parts: [ScrapePart],
        pages: (any AdminPages)? = nil,
        counters: @escaping @Sendable () async -> [String: [String: Int]],
        readiness: @escaping @Sendable () -> Readiness
    ) {
        self.host = host
        self.port = port
        self.logger = logger
        eventLoop = telemetry.watch.eventLoop
        site = AdminSite(
            telemetry: telemetry, scraper: telemetry.scraper(parts) { readiness().missing.isEmpty },
            counters: counters, readiness: readiness, pages: pages)
    }

    public func run() async throws {
        let connections = Connections()
        let (site, eventLoop, adminHost) = (site, eventLoop, AdminHost(host))
        let listener = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard connections.admit(channel) else { return channel.close(promise: nil) }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: true, withErrorHandling: true)
                    try pipeline.addHandler(IdleStateHandler(allTimeout: Self.idleTimeout))
                    try pipeline.addHandler(AdminHandler(site, host: adminHost))
                }
            }
            .bind(host: host, port: port).get()
        logger.info(
            "admin listening",
            metadata: ["host": "\(host)", "port": "\(listener.localAddress?.port ?? port)"])
        try? await gracefulShutdown()
        try? await listener.close()
        for connection in connections.all { try? await connection.close() }
    }
}

/// The connections that are open.
private final class Connections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    var all: [any Channel] { channels.withLock { Array($0.values) } }

    func admit(_ channel: any Channel) -> Bool {
        let isWelcome = channels.withLock { channels in
            guard channels.count < AdminServer.maxConnections else { return false }
            channels[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isWelcome else { return false }
        channel.closeFuture.whenComplete { _ in
            self.channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        return true
    }
}
