import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import Admin
@testable import Shared
@testable import Telemetry

#if canImport(Glibc)
    import Glibc
#endif

extension AdminPage {
    fileprivate var text: String { String(buffer: body) }
}

/// What is answered to which path, without a network.
@Suite struct AdminSiteTests {
    private static let telemetry = ProcessTelemetry(.edgeWS, instance: "ws-1", watch: LoopWatch())
    private let eventLoop = Self.telemetry.watch.eventLoop

    private func site(
        missing: [String] = [], counters: @escaping @Sendable () async -> [String: [String: Int]] = { [:] }
    ) -> AdminSite {
        AdminSite(
            telemetry: Self.telemetry, scraper: Self.telemetry.scraper([]) { missing.isEmpty },
            counters: counters, readiness: { Readiness(missing: missing) })
    }

    private func page(
        _ site: AdminSite, _ path: Substring, method: String = "GET"
    ) async throws -> AdminPage {
        let eventLoop = eventLoop
        return try await eventLoop.flatSubmit {
            site.page(HTTPMethod(rawValue: method), path, on: eventLoop)
        }.get()
    }

    @Test func livezSaysThatTheLoopsTurn() async throws {
        let page = try await page(site(), "/livez")
        #expect(page.status == .ok)
        #expect(page.text == #"{"live":true,"stalled":[]}"#)
    }

    @Test func livezNamesALoopThatHangs() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let watch = LoopWatch(group: group, limit: .milliseconds(600))
        let telemetry = ProcessTelemetry(.edgeWS, instance: "ws-1", watch: watch)
        let site = AdminSite(
            telemetry: telemetry, scraper: telemetry.scraper([]) { true }, counters: { [:] },
            readiness: { Readiness(missing: []) })
        let release = Atomic(false)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await watch.run() }
            group.any().execute { while !release.load(ordering: .relaxed) { usleep(1000) } }
            func ask() async throws -> AdminPage {
                try await watch.eventLoop.flatSubmit { site.page(.GET, "/livez", on: watch.eventLoop) }.get()
            }
            let deadline = ContinuousClock.now + .seconds(20)
            var page = try await ask()
            while page.status == .ok, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(20))
                page = try await ask()
            }
            #expect(page.status == .serviceUnavailable)
            #expect(page.text.hasPrefix(#"{"live":false,"stalled":["event loop 0 has not turned for "#))
            release.store(true, ordering: .relaxed)
            while page.status != .ok, ContinuousClock.now < deadline + .seconds(20) {
                try await Task.sleep(for: .milliseconds(20))
                page = try await ask()
            }
            #expect(page.status == .ok)
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
    }

    @Test func readyzSaysWhatIsMissing() async throws {
        let ready = try await page(site(), "/readyz")
        #expect(ready.status == .ok && ready.text == #"{"missing":[],"ready":true}"#)
        let missing = try await page(site(missing: ["draining"]), "/readyz")
        #expect(missing.status == .serviceUnavailable)
        #expect(missing.text == #"{"missing":["draining"],"ready":false}"#)
    }

    @Test func versionNamesTheProcess() async throws {
        let page = try await page(site(), "/version")
        #expect(
            page.text == "{\"instance\":\"ws-1\",\"process\":\"edge-ws\",\"version\":\"\(Build.version)\"}")
    }

    @Test func metricsAreText() async throws {
        let page = try await page(site(missing: ["redis"]), "/metrics")
        #expect(page.status == .ok && page.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(page.text.contains("\nvy_gateway_ready 0\n"))
        #expect(
            page.text.contains(
                "\nvy_gateway_build_info{process=\"edge-ws\",version=\"\(Build.version)\"} 1\n"))
    }

    @Test func countersThatDoNotAnswerAreAnError() async throws {
        // Among other tests the pool may be busy for longer than the patience.
        var text = ""
        for _ in 0..<20 where !text.hasPrefix("{") {
            text = try await page(site { ["a": ["b": 1]] }, "/counters").text
        }
        #expect(text == #"{"a":{"b":1}}"#)
        let late = try await page(
            site {
                try? await Task.sleep(for: .seconds(4))
                return [:]
            }, "/counters")
        #expect(late.status == .serviceUnavailable)
    }

    @Test(arguments: ["POST", "DELETE", "BREW", "OPTIONS"]) func otherMethodsAreRefused(
        method: String
    ) async throws {
        #expect(try await page(site(), "/metrics", method: method).status == .methodNotAllowed)
        #expect(try await page(site(), "/nothing", method: method).status == .notFound)
    }

    @Test(arguments: ["", "/", "/metrics/", "//metrics", "/METRICS", "/livez%00"]) func otherPathsAreUnknown(
        path: String
    ) async throws {
        #expect(try await page(site(), path[...]).status == .notFound)
    }
}
