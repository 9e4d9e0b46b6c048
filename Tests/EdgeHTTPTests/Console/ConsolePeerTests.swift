import NIOCore
import Shared
import Testing

@testable import edge_http

@Suite struct ConsolePeerTests {
    private static func read(_ text: String?) -> (peers: [ConsolePeer], mistakes: [String]) {
        var reader = SettingsReader { $0 == "CONSOLE_PEERS" ? text : nil }
        return (ConsolePeersSetting.read(&reader), reader.mistakes)
    }

    @Test func byDefaultTheOthersAreOnThisHost() {
        let (peers, mistakes) = Self.read(nil)
        #expect(peers.map(\.text) == ["127.0.0.1:4140", "127.0.0.1:4142"])
        #expect(mistakes.isEmpty)
    }

    @Test func namesAddressesAndRepetitions() {
        let (peers, mistakes) = Self.read(
            "http://edge-ws_admin.svc.cluster.local:4142, http://[2001:db8::1]:4140/,HTTP://10.0.0.1:1,http://10.0.0.1:1"
        )
        #expect(mistakes.isEmpty)
        #expect(
            peers.map(\.text) == ["edge-ws_admin.svc.cluster.local:4142", "[2001:db8::1]:4140", "10.0.0.1:1"])
        #expect(peers.map(\.isAddress) == [false, true, true])
    }

    @Test(arguments: [
        "127.0.0.1:4140", "http://127.0.0.1", "https://127.0.0.1:4140", "http://127.0.0.1:4140/metrics",
        "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://user@127.0.0.1:4140",
        "http://u:p@127.0.0.1:4140", "http://127.0.0.1:4140?x", "http://127.0.0.1:4140#x", "http://:4140",
        "ftp://127.0.0.1:4140", "http://a b:4140", "http://ä:4140", "http://a%20b:4140", "http://[x]:4140",
        "x",
        "unix:/run/x.sock",
    ]) func whatIsNoAdminPortIsRefused(url: String) {
        let (peers, mistakes) = Self.read("http://127.0.0.1:4140,\(url)")
        #expect(peers.map(\.text) == ["127.0.0.1:4140"])
        #expect(
            mistakes == [
                "CONSOLE_PEERS: '\(url)' is no URL of an admin port; write it like http://127.0.0.1:4140"
            ])
    }

    @Test func anEmptyEntryIsAMistake() {
        #expect(Self.read("http://127.0.0.1:4140,").mistakes.count == 1)
    }

    @Test func thereAreNotTooMany() {
        let urls = (1...33).map { "http://127.0.0.1:\($0)" }
        #expect(Self.read(urls.dropLast().joined(separator: ",")).mistakes.isEmpty)
        #expect(
            Self.read(urls.joined(separator: ",")).mistakes == [
                "CONSOLE_PEERS: 33 are more than 32; give replicas one name"
            ])
    }
}

@Suite struct PeerAddressesTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let ws = ConsolePeer(host: "ws", port: 4142)
    private static let http = ConsolePeer(host: "http", port: 4141)
    private static let bridge = ConsolePeer(host: "127.0.0.1", port: 4140)

    private static func texts(_ addresses: PeerAddresses) -> [String] {
        addresses.targets.targets.map(\.address.text)
    }

    @Test func anAddressNeedsNoLookup() {
        var addresses = PeerAddresses([Self.bridge])
        #expect(addresses.lookups(at: Self.start) == [])
        #expect(Self.texts(addresses) == ["127.0.0.1:4140"])
        #expect(addresses.targets.unresolved.isEmpty)
    }

    @Test func aNameIsAllOfItsAddresses() {
        var addresses = PeerAddresses([Self.bridge, Self.ws])
        #expect(addresses.lookups(at: Self.start) == ["ws"])
        #expect(addresses.targets.unresolved == [Self.ws: "the name is still being looked up"])
        addresses.lookedUp("ws", .success(["10.0.0.2", "10.0.0.1", "fd00::1"]), at: Self.start)
        #expect(
            Self.texts(addresses) == ["127.0.0.1:4140", "10.0.0.1:4142", "10.0.0.2:4142", "[fd00::1]:4142"])
        #expect(addresses.targets.targets.map(\.peer) == [Self.bridge, Self.ws, Self.ws, Self.ws])
        #expect(addresses.targets.unresolved.isEmpty)
    }

    @Test func aNameWithTwoPortsIsLookedUpOnce() {
        var addresses = PeerAddresses([Self.http, ConsolePeer(host: "http", port: 4140)])
        #expect(addresses.lookups(at: Self.start) == ["http"])
        addresses.lookedUp("http", .success(["10.0.0.1"]), at: Self.start)
        #expect(Self.texts(addresses) == ["10.0.0.1:4141", "10.0.0.1:4140"])
    }

    @Test func anAddressIsAskedOnce() {
        var addresses = PeerAddresses([ConsolePeer(host: "10.0.0.1", port: 4142), Self.ws])
        _ = addresses.lookups(at: Self.start)
        addresses.lookedUp("ws", .success(["10.0.0.1", "10.0.0.2"]), at: Self.start)
        #expect(Self.texts(addresses) == ["10.0.0.1:4142", "10.0.0.2:4142"])
    }

    @Test func aNameIsLookedUpAgainWhenItIsOldButNotTwiceAtATime() {
        var addresses = PeerAddresses([Self.ws])
        #expect(addresses.lookups(at: Self.start) == ["ws"])
        #expect(addresses.lookups(at: Self.start + .seconds(60)) == [], "it is under way")
        addresses.lookedUp("ws", .success(["10.0.0.1"]), at: Self.start + .seconds(60))
        #expect(addresses.lookups(at: Self.start + .milliseconds(64_999)) == [])
        #expect(addresses.lookups(at: Self.start + .seconds(65)) == ["ws"])
        addresses.lookedUp("ws", .success(["10.0.0.3"]), at: Self.start + .seconds(65))
        #expect(Self.texts(addresses) == ["10.0.0.3:4142"])
    }

    @Test func aNameThatIsGoneHasNoAddressesButAResolverThatIsAwayChangesNothing() {
        var addresses = PeerAddresses([Self.ws])
        _ = addresses.lookups(at: Self.start)
        addresses.lookedUp("ws", .success(["10.0.0.1"]), at: Self.start)
        addresses.lookedUp("ws", .failure(.unknown(reason: "away")), at: Self.start)
        #expect(Self.texts(addresses) == ["10.0.0.1:4142"] && addresses.targets.unresolved.isEmpty)
        addresses.lookedUp("ws", .failure(.noSuchName), at: Self.start)
        #expect(Self.texts(addresses) == [] && addresses.targets.unresolved == [Self.ws: "no such name"])
        addresses.lookedUp("ws", .failure(.unknown(reason: "away")), at: Self.start)
        #expect(addresses.targets.unresolved == [Self.ws: "away"])
    }

    @Test func howManyAreAskedIsBounded() {
        var addresses = PeerAddresses([Self.ws, Self.bridge])
        _ = addresses.lookups(at: Self.start)
        addresses.lookedUp("ws", .success((1...70).map { "10.0.0.\($0)" }), at: Self.start)
        #expect(addresses.targets.targets.count == 64)
        #expect(addresses.targets.leftOut == 7)
    }
}

@Suite struct ConsoleRoundsTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func allWhoAskShareOneRound() {
        var rounds = ConsoleRounds<String>(interval: .seconds(1))
        #expect(rounds.answer(at: Self.start) == nil)
        rounds.began("first", at: Self.start)
        #expect(rounds.answer(at: Self.start) == "first")
        #expect(rounds.answer(at: Self.start + .seconds(9)) == "first", "as long as it is under way")
        rounds.ended()
        #expect(rounds.answer(at: Self.start + .seconds(9)) == nil)
    }

    @Test func aRoundIsGoodForItsInterval() {
        var rounds = ConsoleRounds<String>(interval: .seconds(1))
        rounds.began("first", at: Self.start)
        rounds.ended()
        #expect(rounds.answer(at: Self.start + .milliseconds(999)) == "first")
        #expect(rounds.answer(at: Self.start + .seconds(1)) == nil)
        rounds.began("second", at: Self.start + .seconds(1))
        rounds.ended()
        #expect(rounds.answer(at: Self.start + .milliseconds(1999)) == "second")
    }
}
