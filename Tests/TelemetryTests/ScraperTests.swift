import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Telemetry

@Suite struct ScraperTests {
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.any()

    private func lines(_ scraper: Scraper) async throws -> [Substring] {
        try await scraper.scrape().get().split(separator: "\n")
    }

    @Test func aPartThatHangsIsLeftOutAndCounted() async throws {
        let (release, hang) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let calls = Atomic(0)
        let scraper = Scraper(
            process: .edgeWS, registry: MetricRegistry(),
            parts: [
                ScrapePart("well") { [Sample(.socketRooms, value: 7)] },
                ScrapePart("hangs") {
                    calls.add(1, ordering: .relaxed)
                    for await _ in release { break }
                    return [Sample(.socketUsers, value: 9)]
                },
            ], patience: .milliseconds(100), eventLoop: eventLoop,
            direct: { [Sample(.ready, value: 1)] })
        // On a busy machine the other part may be late as well.
        var (scrapes, complete) = (0, 0)
        while complete < 2, scrapes < 200 {
            scrapes += 1
            let lines = try await lines(scraper)
            if lines.contains("socketio_rooms 7") { complete += 1 }
            #expect(lines.contains("vy_gateway_ready 1"))
            #expect(!lines.contains("vy_gateway_socket_users 9"))
            #expect(lines.contains("vy_gateway_scrape_errors_total{part=\"hangs\"} \(scrapes)"))
        }
        #expect(complete == 2)
        #expect(calls.load(ordering: .relaxed) == 1, "no second call while the first is under way")
        hang.yield()
        // The first call ends, and the next scrape has its part again.
        var found = false
        for _ in 0..<100 where !found {
            try await Task.sleep(for: .milliseconds(10))
            hang.yield()
            found = try await lines(scraper).contains("vy_gateway_socket_users 9")
        }
        #expect(found)
    }

    @Test func scrapesAtOnceShareACall() async throws {
        let calls = Atomic(0)
        let scraper = Scraper(
            process: .edgeWS, registry: MetricRegistry(),
            parts: [
                ScrapePart("slow") {
                    calls.add(1, ordering: .relaxed)
                    try? await Task.sleep(for: .milliseconds(200))
                    return [Sample(.socketRooms, value: 7)]
                }
            ], patience: .seconds(20), eventLoop: eventLoop)
        let texts = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<10 { group.addTask { try await scraper.scrape().get() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(texts.allSatisfy { $0.contains("\nsocketio_rooms 7\n") })
        #expect(calls.load(ordering: .relaxed) < 10)
    }
}
