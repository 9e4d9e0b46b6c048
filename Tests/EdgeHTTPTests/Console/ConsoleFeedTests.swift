import Foundation
import NIOCore
import NIOEmbedded
import Testing

@testable import Admin
@testable import edge_http

/// The console's rounds with peers and a clock of the test's.
@Suite final class ConsoleFeedTests {
    private struct Snapshot: Decodable {
        struct Peer: Decodable {
            struct Report: Decodable { let run: String }
            struct Last: Decodable, Equatable { let process, instance: String }

            let address, peer, failure: String?
            let report: Report?
            let last: Last?
        }

        let time: Int64
        let leftOut: Int
        let peers: [Peer]
    }

    /// What peers and the resolver answer, and what they were asked.
    private final class World {
        var asked: [String] = []
        var lookedUp: [String] = []
        var reports: [String: EventLoopFuture<ByteBuffer>] = [:]
        var names: [String: EventLoopFuture<Result<[String], PeerAddresses.Failure>>] = [:]
    }

    private struct Refused: Error, CustomStringConvertible { let description = "Connection refused" }

    private let loop = EmbeddedEventLoop()
    private let world: NIOLoopBoundBox<World>

    init() { world = .makeBoxSendingValue(World(), eventLoop: loop) }

    private func feed(_ peers: String...) throws -> ConsoleFeed {
        let (loop, world) = (loop, world)
        return ConsoleFeed(
            peers: try peers.map { try #require(ConsolePeer("http://\($0)")) }, eventLoop: loop,
            fetch: {
                world.value.asked.append($0.address.text)
                return world.value.reports[$0.address.text] ?? loop.makeFailedFuture(Refused())
            },
            lookup: {
                world.value.lookedUp.append($0)
                return world.value.names[$0] ?? loop.makeSucceededFuture(.failure(.noSuchName))
            })
    }

    private static func report(_ run: String, process: String = "edge-ws") -> ByteBuffer {
        ByteBuffer(
            string: #"{"process":"\#(process)","instance":"i-\#(run)","run":"\#(run)","version":"1","#
                + #""stalled":[],"missing":[],"errors":[],"metrics":""}"#)
    }

    private func ask(_ feed: ConsoleFeed) -> EventLoopFuture<ByteBuffer> {
        let loop = loop
        return feed.snapshot { loop.makeSucceededFuture(Self.report("own", process: "edge-http")) }
    }

    private func snapshot(_ future: EventLoopFuture<ByteBuffer>) throws -> Snapshot {
        try JSONDecoder().decode(Snapshot.self, from: Data(try future.wait().readableBytesView))
    }

    @Test func allPeersAreAskedAtOnceAndToldOfAsTheyAnswer() throws {
        world.value.reports["127.0.0.1:4142"] = loop.makeSucceededFuture(Self.report("ws"))
        let got = try snapshot(ask(feed("127.0.0.1:4140", "127.0.0.1:4142")))
        #expect(world.value.asked == ["127.0.0.1:4140", "127.0.0.1:4142"])
        #expect(got.peers.map(\.report?.run) == ["own", nil, "ws"])
        #expect(got.peers.map(\.failure) == [nil, "Connection refused", nil])
        #expect(got.peers.map(\.address) == [nil, "127.0.0.1:4140", "127.0.0.1:4142"])
    }

    @Test func whoeverAsksInTheSameSecondSharesTheRound() throws {
        let feed = try feed("127.0.0.1:4140")
        for _ in 0..<10 { _ = try snapshot(ask(feed)) }
        #expect(world.value.asked.count == 1)
        loop.advanceTime(by: .milliseconds(999))
        _ = try snapshot(ask(feed))
        #expect(world.value.asked.count == 1)
        loop.advanceTime(by: .milliseconds(1))
        _ = try snapshot(ask(feed))
        #expect(world.value.asked.count == 2)
    }

    @Test func nobodyIsAskedWhileNobodyLooks() throws {
        let feed = try feed("127.0.0.1:4140")
        _ = try snapshot(ask(feed))
        loop.advanceTime(by: .hours(1))
        #expect(world.value.asked.count == 1)
    }

    @Test func aPeerThatDoesNotAnswerHoldsUpNobodyForLong() throws {
        let late = loop.makePromise(of: ByteBuffer.self)
        world.value.reports = [
            "127.0.0.1:4140": late.futureResult,
            "127.0.0.1:4142": loop.makeSucceededFuture(Self.report("ws")),
        ]
        let feed = try feed("127.0.0.1:4140", "127.0.0.1:4142")
        let answer = ask(feed)
        loop.advanceTime(by: .milliseconds(1999))
        let shared = ask(feed)
        loop.advanceTime(by: .milliseconds(1))
        for future in [answer, shared] {
            let got = try snapshot(future)
            #expect(got.peers.map(\.failure) == [nil, "no answer within 2 s", nil])
            #expect(got.peers.last?.report?.run == "ws")
        }
        #expect(world.value.asked.count == 2, "one round for both")
        late.succeed(Self.report("late"))
        loop.advanceTime(by: .seconds(1))
        #expect(try snapshot(ask(feed)).peers[1].report?.run == "late")
    }

    @Test func aProcessThatIsFoundByTwoWaysCountsOnce() throws {
        world.value.names["edges"] = loop.makeSucceededFuture(.success(["10.0.0.1", "10.0.0.2"]))
        world.value.reports = [
            "10.0.0.1:4141": loop.makeSucceededFuture(Self.report("own", process: "edge-http")),
            "10.0.0.2:4141": loop.makeSucceededFuture(Self.report("other", process: "edge-http")),
            "127.0.0.1:4141": loop.makeSucceededFuture(Self.report("other", process: "edge-http")),
        ]
        let got = try snapshot(ask(feed("edges:4141", "127.0.0.1:4141")))
        #expect(got.peers.map(\.report?.run) == ["own", "other"])
    }

    @Test func aPeerThatIsGoneIsNamedByWhatItWas() throws {
        world.value.reports["127.0.0.1:4142"] = loop.makeSucceededFuture(Self.report("ws"))
        let feed = try feed("127.0.0.1:4142")
        _ = try snapshot(ask(feed))
        world.value.reports = [:]
        loop.advanceTime(by: .seconds(1))
        let got = try snapshot(ask(feed))
        #expect(got.peers[1].last == .init(process: "edge-ws", instance: "i-ws"))
    }

    @Test(arguments: [
        "", "<html>", "[]", "{}", #"{"process":"edge-ws"}"#,
        #"{"process":1,"instance":"i","run":"r","version":"1","stalled":[],"missing":[],"errors":[],"metrics":""}"#,
        #"{"process":"p","instance":"i","run":"r","version":"1","stalled":[],"missing":[],"errors":{},"metrics":""}"#,
        #"{"process":"p","instance":"i","run":"r","version":"1","stalled":[],"missing":[],"errors":[],"metrics":""}}"#,
    ]) func whatIsNoReportIsNotPassedOn(text: String) throws {
        world.value.reports["127.0.0.1:4142"] = loop.makeSucceededFuture(ByteBuffer(string: text))
        let got = try snapshot(ask(feed("127.0.0.1:4142")))
        #expect(got.peers.map(\.failure) == [nil, "answers, but not as an admin port of this version"])
    }

    @Test func aSlowResolverHoldsUpNobodyForLongAndIsNotAskedTwice() throws {
        let late = loop.makePromise(of: Result<[String], PeerAddresses.Failure>.self)
        world.value.names["edges"] = late.futureResult
        let feed = try feed("edges:4142", "127.0.0.1:4140")
        let answer = ask(feed)
        loop.advanceTime(by: .seconds(1))
        let got = try snapshot(answer)
        #expect(got.peers.map(\.peer) == [nil, "127.0.0.1:4140", "edges:4142"])
        #expect(got.peers[2].failure == "the name is still being looked up")
        loop.advanceTime(by: .seconds(60))
        let second = ask(feed)
        loop.advanceTime(by: .seconds(1))
        _ = try snapshot(second)
        #expect(world.value.lookedUp == ["edges"])
        late.succeed(.success(["10.0.0.1"]))
        loop.advanceTime(by: .seconds(1))
        #expect(try snapshot(ask(feed)).peers.map(\.address) == [nil, "10.0.0.1:4142", "127.0.0.1:4140"])
    }

    @Test func thePageRunsItsOwnScriptAlone() throws {
        let page = Console.page
        let text = String(buffer: page.body)
        let policy = try #require(page.headers.first { $0.0 == "content-security-policy" }?.1)
        #expect(policy.hasPrefix("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"))
        #expect(!text.contains("/*style*/") && !text.contains("/*script*/"))
        #expect(text.contains("const parseMetrics") && text.contains("turn(course);"))
    }
}
