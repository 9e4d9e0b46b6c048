import Foundation
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

/// The HTTP server for operators, apart from the public port: `/livez`, `/readyz`, `/version`, `/counters` and `/metrics`.
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
    ///   - counters: called for each `GET /counters`: numbers by group and name.
    ///   - readiness: called for each `GET /readyz`; it must not block.
    public init(
        host: String, port: Int, telemetry: ProcessTelemetry, logger: Logger, parts: [ScrapePart],
        counters: @escaping @Sendable () async -> [String: [String: Int]],
        readiness: @escaping @Sendable () -> Readiness
    ) {
        self.host = host
        self.port = port
        self.logger = logger
        eventLoop = telemetry.watch.eventLoop
        site = AdminSite(
            telemetry: telemetry, scraper: telemetry.scraper(parts) { readiness().missing.isEmpty },
            counters: counters, readiness: readiness)
    }

    public func run() async throws {
        let connections = Connections()
        let (site, eventLoop) = (site, eventLoop)
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
                    try pipeline.addHandler(AdminHandler(site))
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

/// What is answered to which path.
struct AdminSite: Sendable {
    struct Page: Sendable {
        let status: HTTPResponseStatus
        let contentType: String
        let text: String

        static func json(_ status: HTTPResponseStatus, _ value: some Encodable) -> Page {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            guard let data = try? encoder.encode(value) else {
                return text(.internalServerError, "Internal Server Error")
            }
            return Page(
                status: status, contentType: "application/json; charset=utf-8",
                text: String(decoding: data, as: UTF8.self))
        }

        static func text(_ status: HTTPResponseStatus, _ text: String) -> Page {
            Page(status: status, contentType: "text/plain; charset=utf-8", text: text + "\n")
        }
    }

    private struct Live: Encodable {
        let live: Bool
        let stalled: [String]
    }
    private struct Ready: Encodable {
        let ready: Bool
        let missing: [String]
    }
    private struct Version: Encodable { let process, version: String }

    let telemetry: ProcessTelemetry
    let scraper: Scraper
    let counters: @Sendable () async -> [String: [String: Int]]
    let readiness: @Sendable () -> Readiness

    private static let paths: Set<Substring> = ["/livez", "/readyz", "/version", "/counters", "/metrics"]

    /// On the watching thread.
    func page(_ method: HTTPMethod, _ path: Substring, on eventLoop: any EventLoop) -> EventLoopFuture<Page> {
        guard Self.paths.contains(path) else {
            return eventLoop.makeSucceededFuture(.text(.notFound, "Not Found"))
        }
        guard method == .GET || method == .HEAD else {
            return eventLoop.makeSucceededFuture(.text(.methodNotAllowed, "Method Not Allowed"))
        }
        switch path {
        case "/livez":
            let stalled = telemetry.watch.stalled
            return eventLoop.makeSucceededFuture(
                .json(
                    stalled.isEmpty ? .ok : .serviceUnavailable,
                    Live(live: stalled.isEmpty, stalled: stalled)))
        case "/readyz":
            let missing = readiness().missing
            return eventLoop.makeSucceededFuture(
                .json(
                    missing.isEmpty ? .ok : .serviceUnavailable,
                    Ready(ready: missing.isEmpty, missing: missing)))
        case "/version":
            return eventLoop.makeSucceededFuture(
                .json(.ok, Version(process: telemetry.process.rawValue, version: telemetry.version)))
        case "/metrics":
            return scraper.scrape().map {
                Page(status: .ok, contentType: Scraper.contentType, text: $0)
            }
        default: return counted(on: eventLoop)
        }
    }

    private func counted(on eventLoop: any EventLoop) -> EventLoopFuture<Page> {
        let page = eventLoop.makePromise(of: Page.self)
        let timer = eventLoop.scheduleTask(in: AdminServer.patience) {
            page.succeed(.text(.serviceUnavailable, "The counters do not answer."))
        }
        // The task ends with its one question to the loop that counts.
        eventLoop.makeFutureWithTask { await counters() }.whenSuccess {
            timer.cancel()
            page.succeed(.json(.ok, $0))
        }
        return page.futureResult
    }
}

/// One connection of an operator, or of what scrapes.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of bodies that are read and dropped.
    private static let mostUnwanted = 65_536

    private let site: AdminSite
    private var head: HTTPRequestHead?
    private var unwanted = 0

    init(_ site: AdminSite) { self.site = site }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // Nothing here takes a body.
        case .body(let part):
            unwanted += part.readableBytes
            if unwanted > Self.mostUnwanted { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = head.uri.prefix { $0 != "?" }
        site.page(head.method, path, on: context.eventLoop).assumeIsolated().whenSuccess {
            self.write($0, head, context)
        }
    }

    private func write(_ page: AdminSite.Page, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders([
            ("content-type", page.contentType), ("content-length", String(page.text.utf8.count)),
            ("cache-control", "no-store"),
        ])
        if page.status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(.init(version: .http1_1, status: page.status, headers: headers))),
            promise: nil)
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page.text)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            if !head.isKeepAlive { context.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
