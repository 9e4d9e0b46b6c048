import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import Admin
@testable import Shared
@testable import Telemetry

/// What a console reads, and pages of one process alone.
@Suite struct AdminPagesTests {
    private static let telemetry = ProcessTelemetry(.edgeHTTP, instance: "http-1", watch: LoopWatch())
    private let eventLoop = Self.telemetry.watch.eventLoop

    private struct Report: Decodable {
        struct Line: Decodable, Equatable { let level, message: String }

        let process, instance, run, version: String
        let stalled, missing: [String]
        let errors: [Line]
        let metrics: String
    }

    private struct Errors: Decodable { let errors: [Report.Line] }

    private struct Pages: AdminPages {
        let paths: Set<String> = ["/", "/console"]

        func page(
            _ path: String, report: @escaping @Sendable () -> EventLoopFuture<ByteBuffer>
        ) -> EventLoopFuture<AdminPage> {
            report().map { path == "/" ? .found("console") : .json($0) }
        }
    }

    private static let lines = [#"{"level":"warning","message":"a"}"#, #"{"level":"error","message":"b"}"#]

    private func page(
        _ path: Substring, method: HTTPMethod = .GET, pages: (any AdminPages)? = nil
    ) async throws -> AdminPage {
        let eventLoop = eventLoop
        let site = AdminSite(
            telemetry: Self.telemetry, scraper: Self.telemetry.scraper([]) { false }, counters: { [:] },
            readiness: { Readiness(missing: ["bridge: \"away\""]) }, pages: pages, errors: { Self.lines })
        return try await eventLoop.flatSubmit { site.page(method, path, on: eventLoop) }.get()
    }

    @Test func aReportHasAllThatTheConsoleShows() async throws {
        let page = try await page("/report")
        #expect(page.contentType == "application/json; charset=utf-8")
        let report = try JSONDecoder().decode(Report.self, from: Data(page.body.readableBytesView))
        #expect(report.process == "edge-http" && report.instance == "http-1")
        #expect(report.version == Build.version)
        #expect(report.missing == ["bridge: \"away\""] && report.stalled.isEmpty)
        #expect(
            report.errors == [.init(level: "warning", message: "a"), .init(level: "error", message: "b")])
        #expect(report.metrics.contains("\nvy_gateway_ready 0\n"))
        #expect(report.run == Self.telemetry.run)
        let other = ProcessTelemetry(.edgeHTTP, instance: "http-1", watch: LoopWatch())
        #expect(report.run != other.run && !report.run.isEmpty)
    }

    @Test func errorsAreAlsoThereByThemselves() async throws {
        let body = try await page("/errors").body
        let errors = try JSONDecoder().decode(Errors.self, from: Data(body.readableBytesView))
        #expect(errors.errors.map(\.message) == ["a", "b"])
    }

    @Test func aProcessMayHaveFurtherPages() async throws {
        #expect(try await page("/console").status == .notFound)
        let console = try await page("/console", pages: Pages())
        let report = try JSONDecoder().decode(Report.self, from: Data(console.body.readableBytesView))
        #expect(report.run == Self.telemetry.run)
        let root = try await page("/", pages: Pages())
        #expect(root.status == .found && root.headers.map(\.1) == ["console"])
        #expect(try await page("/console", method: .POST, pages: Pages()).status == .methodNotAllowed)
        #expect(try await page("/readyz", pages: Pages()).status == .serviceUnavailable)
    }
}

/// DNS rebinding: a page of another site whose name resolves to this host.
@Suite struct AdminHostTests {
    private static func takes(_ host: String?, at address: String) -> Bool {
        AdminHost(address).takes(host.map { ["host": $0] } ?? [:], for: "/metrics")
    }

    @Test(arguments: [
        "127.0.0.1:4141", "127.0.0.1", "localhost", "LOCALHOST:4141", "[::1]:4141", "[::1]", "10.0.0.7:80",
        "",
        "gateway.localhost:4141",
    ]) func addressesAndLocalNamesAreTaken(host: String) {
        for address in ["127.0.0.1", "localhost", "::1", "127.8.8.8"] {
            #expect(Self.takes(host, at: address))
        }
    }

    @Test(arguments: [
        "evil.example", "evil.example:4141", "localhost.evil.example", "127.0.0.1.evil.example",
        "evillocalhost",
        "[evil.example]", "127.0.0.1@evil.example",
    ]) func otherNamesAreRefusedWhereOnlyThisHostComes(host: String) {
        for address in ["127.0.0.1", "localhost", "::1"] { #expect(!Self.takes(host, at: address)) }
    }

    /// Envoy names its cluster.
    @Test(arguments: ["/livez", "/readyz"]) func probesMayNameWhatTheyLike(path: Substring) {
        #expect(AdminHost("127.0.0.1").takes(["host": "edge_http"], for: path))
        #expect(!AdminHost("127.0.0.1").takes(["host": "edge_http"], for: path + "/"))
    }

    @Test func noNameAtAllIsNoBrowser() { #expect(Self.takes(nil, at: "127.0.0.1")) }

    @Test func elsewhereAnyNameMayBeRight() {
        for address in ["0.0.0.0", "::", "10.0.0.7", "gateway-1.internal", "127.evil.example"] {
            #expect(Self.takes("gateway-1.internal:4141", at: address))
        }
    }

    @Test func oneWrongNameOfTwoIsEnough() {
        #expect(
            !AdminHost("127.0.0.1").takes(
                .init([("host", "localhost"), ("host", "evil.example")]), for: "/metrics"))
    }
}
