import NIOCore
import NIOHTTP1
import Shared
import Telemetry

/// What is answered to which path.
struct AdminSite: Sendable {
    private struct Live: Encodable {
        let live: Bool
        let stalled: [String]
    }
    private struct Ready: Encodable {
        let ready: Bool
        let missing: [String]
    }
    private struct Version: Encodable { let process, instance, version: String }

    let telemetry: ProcessTelemetry
    let scraper: Scraper
    let counters: @Sendable () async -> [String: [String: Int]]
    let readiness: @Sendable () -> Readiness
    var pages: (any AdminPages)?
    var errors: @Sendable () -> [String] = { RecentLines.ofProcess.all }

    private static let paths: Set<Substring> = [
        "/livez", "/readyz", "/version", "/counters", "/metrics", "/errors", "/report",
    ]

    /// On the watching thread.
    func page(
        _ method: HTTPMethod, _ path: Substring, on eventLoop: any EventLoop
    ) -> EventLoopFuture<AdminPage> {
        let isOfPages = pages?.paths.contains(String(path)) ?? false
        guard isOfPages || Self.paths.contains(path) else {
            return eventLoop.makeSucceededFuture(.text(.notFound, "Not Found"))
        }
        guard method == .GET || method == .HEAD else {
            return eventLoop.makeSucceededFuture(.text(.methodNotAllowed, "Method Not Allowed"))
        }
        if isOfPages, let pages { return pages.page(String(path), report: report) }
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
            let version = Version(
                process: telemetry.process.rawValue, instance: telemetry.instance, version: telemetry.version)
            return eventLoop.makeSucceededFuture(.json(.ok, version))
        case "/metrics":
            return scraper.scrape().map {
                AdminPage(contentType: Scraper.contentType, body: ByteBuffer(string: $0))
            }
        case "/errors":
            var json = ByteBuffer(string: "{\"errors\":")
            json.writeJSONArray(of: errors())
            json.writeStaticString("}")
            return eventLoop.makeSucceededFuture(.json(json))
        case "/report": return report().map { .json($0) }
        default: return counted(on: eventLoop)
        }
    }

    private func report() -> EventLoopFuture<ByteBuffer> {
        scraper.scrape().map { metrics in
            ProcessReport(
                telemetry: telemetry, missing: readiness().missing, errors: errors(), metrics: metrics
            ).json
        }
    }

    private func counted(on eventLoop: any EventLoop) -> EventLoopFuture<AdminPage> {
        // The task ends with its one question to the loop that counts.
        let page = eventLoop.makeFutureWithTask { AdminPage.json(.ok, await counters()) }
        return eventLoop.within(AdminServer.patience, page) {
            .text(.serviceUnavailable, "The counters do not answer.")
        }
    }
}
