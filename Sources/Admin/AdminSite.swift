import Foundation
import NIOCore
import NIOHTTP1
import Shared
import Telemetry

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
