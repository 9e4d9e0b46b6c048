import NIOCore
import RawJSON
import Shared
import Testing

@Suite struct SplitSettingsTests {
    private func reader(_ name: String, _ value: String) -> SettingsReader {
        SettingsReader(value: { $0 == name ? value : nil }, readFile: { _ in "" })
    }

    @Test func takesOrigins() {
        let list = #"["https://a.example","http://localhost:3000","*"]"#
        var reader = reader("ALLOWED_ORIGINS", list)
        #expect(AllowedOriginsSetting.read(&reader).count == 3)
        #expect(reader.mistakes.isEmpty)
    }

    @Test(arguments: ["a.example", "https://a.example/", "https://", "//a", "HTTPS://A.example", ""])
    func refusesWhatNoBrowserSendsAsOrigin(_ origin: String) {
        var reader = reader("ALLOWED_ORIGINS", "[\"\(origin)\"]")
        _ = AllowedOriginsSetting.read(&reader)
        #expect(reader.mistakes.count == 1)
    }

    @Test func anEdgeMayHaveSeveralBridges() {
        var edge = reader("BRIDGE_SOCKET", "/run/a, /run/b")
        #expect(BridgeSocketSetting.readAll(&edge) == ["/run/a", "/run/b"] && edge.mistakes.isEmpty)
        var bridge = reader("BRIDGE_SOCKET", "/run/a,/run/b")
        _ = BridgeSocketSetting.read(&bridge)
        #expect(bridge.mistakes == ["BRIDGE_SOCKET: a bridge has one path, not 2"])
        var wrong = reader("BRIDGE_SOCKET", "/run/a,")
        _ = BridgeSocketSetting.readAll(&wrong)
        #expect(wrong.mistakes == ["BRIDGE_SOCKET: '/run/a,' has an empty path"])
    }

    @Test func refusesASocketPathThatUnixDoesNotTake() {
        var reader = reader("BRIDGE_SOCKET", "/" + String(repeating: "x", count: 90))
        _ = BridgeSocketSetting.read(&reader)
        #expect(reader.mistakes.count == 1)
    }
}

@Suite struct UserTests {
    @Test func aNumberAndItsDigitsAreTheSameUser() throws {
        let values = try RawJSON.array(ByteBuffer(string: #"["123",123,"",1.5,null,{}]"#))
        #expect(values.map { UserID.text($0) } == ["123", "123", nil, nil, nil, nil])
        #expect(!UserID.isValid(String(repeating: "x", count: 257)))
    }

    @Test func idsThatSwiftTakesForEqualHaveTheSameBytes() {
        // Swift compares by canonical equivalence; everybody else by bytes.
        let names = [
            "Kim", "\u{212A}im", "caf\u{E9}", "cafe\u{301}", "\u{3A9}", "\u{2126}", "a;b", "a\u{37E}b", "用户😀",
        ]
        #expect(names.filter { UserID.isValid($0) } == ["Kim", "caf\u{E9}", "\u{3A9}", "a;b", "用户😀"])
        #expect(UserID.fault("\u{212A}im") == .normalization)
        #expect(UserID.fault(String(repeating: "\u{E9}", count: 129)) == .length)
    }

    @Test func channelsNameTheirUser() {
        #expect(UserKeys.userID(ofUpdates: UserKeys.updates("a}:b")) == "a}:b")
        #expect(UserKeys.userID(ofUpdates: UserKeys.history("a")) == nil)
        #expect(UserKeys.userID(ofUpdates: "vy:user:{}:updates") == nil)
    }

    @Test func readsUpdates() {
        let id = StreamID(milliseconds: 5, sequence: 1)
        let data = ByteBuffer(string: #"{"b":1,"a":2}"#)
        #expect(
            UserUpdate(ByteBuffer(string: #"{"id":"5-1","prev":"4-9","event":"e","data":{"b":1,"a":2}}"#))
                == UserUpdate(
                    id: id, previous: StreamID(milliseconds: 4, sequence: 9), event: "e", data: data))
        // As bridges wrote it that named no forerunner.
        #expect(
            UserUpdate(ByteBuffer(string: #"{"id":"5-1","event":"e","data":{"b":1,"a":2}}"#))
                == UserUpdate(id: id, previous: nil, event: "e", data: data))
    }

    @Test func updatesNameTheirTrace() throws {
        func read(_ trace: String) -> UserUpdate? {
            UserUpdate(ByteBuffer(string: #"{"id":"5-1","event":"e","trace":"\#(trace)","data":1}"#))
        }
        let update = try #require(read(TraceContextTests.text))
        #expect(update.trace?.parent == TraceContextTests.text)
        let other = try #require(read("garbage"))
        #expect(other.trace == nil)
    }

    @Test(arguments: ["", "[]", "{}", #"{"id":"5","event":"e","data":1}"#, #"{"id":"5-1","data":1}"#])
    func refusesWhatIsNoUpdate(_ text: String) {
        #expect(UserUpdate(ByteBuffer(string: text)) == nil)
    }

    @Test func streamIDsAreOrderedAsNumbers() throws {
        #expect(try #require(StreamID("9-10")) > StreamID(milliseconds: 9, sequence: 9))
        #expect(try #require(StreamID("10-0")) > StreamID(milliseconds: 9, sequence: 99))
        for wrong in ["", "1", "-", "1-", "a-1", "1-1-1", "-1-1"] { #expect(StreamID(wrong) == nil) }
    }
}
