import Admin
import Crypto
import Foundation
import NIOCore
import ServiceLifecycle

/// The console at edge-http's admin port: one page that shows all processes, and what it reads.
///
/// It changes nothing: whoever reaches an admin port may look, and no more.
struct Console: AdminPages, Service {
    let paths: Set<String> = ["/", "/console", "/console/data"]
    private let client: PeerClient
    private let feed: ConsoleFeed
    private let eventLoop: any EventLoop

    /// - Parameter eventLoop: the watching thread's.
    init(peers: [ConsolePeer], on eventLoop: any EventLoop) {
        let client = PeerClient(on: eventLoop)
        self.client = client
        feed = ConsoleFeed(
            peers: peers, eventLoop: eventLoop, fetch: { client.report(of: $0) },
            lookup: { client.addresses(of: $0) })
        self.eventLoop = eventLoop
    }

    func run() async throws {
        try? await gracefulShutdown()
        try await client.stop()
    }

    func page(
        _ path: String, report: @escaping @Sendable () -> EventLoopFuture<ByteBuffer>
    ) -> EventLoopFuture<AdminPage> {
        switch path {
        case "/console": eventLoop.makeSucceededFuture(Self.page)
        case "/console/data": feed.snapshot(own: report).map { .json($0) }
        default: eventLoop.makeSucceededFuture(.found("console"))
        }
    }

    /// Everything in one answer. The policy lets run what stands here, by its hashes, and nothing else.
    static let page: AdminPage = {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let style = text(PackageResources.console_css)
        let script = [
            PackageResources.metrics_js, PackageResources.plots_js, PackageResources.topology_js,
            PackageResources.console_js,
        ].map(text).joined(separator: "\n")
        let html = text(PackageResources.console_html)
            .replacing("/*style*/", with: style).replacing("/*script*/", with: script)
        let policy =
            "default-src 'none'; script-src '\(hash(script))'; style-src '\(hash(style))'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return AdminPage(
            contentType: "text/html; charset=utf-8",
            headers: [("content-security-policy", policy), ("referrer-policy", "no-referrer")],
            body: ByteBuffer(string: html))
    }()

    /// As Content-Security-Policy names what may stand in a page (CSP3 §2.3.1).
    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }
}
