import Crypto
import NIOCore
import Shared
import Testing

@testable import edge_ws

@Suite struct MissedUpdatesTests {
    private func id(_ sequence: UInt64) -> StreamID { StreamID(milliseconds: 2000, sequence: sequence) }

    private func add(
        _ missed: inout MissedUpdates, _ page: [UserUpdate], isFull: Bool = false, position: UInt64 = 2,
        oldest: UInt64 = 0
    ) -> MissedUpdates.Verdict {
        missed.add(page, isFull: isFull, position: id(position), oldest: oldest)
    }

    @Test func aChainWithoutAGapIsComplete() {
        var missed = MissedUpdates(after: id(1))
        let page = [UserUpdate.numbered(2, after: 1), .numbered(5, after: 2)]
        #expect(add(&missed, page, position: 5) == .complete(page))
        #expect(
            add(&missed, [.numbered(5, after: 2)], position: 5) == .complete(page),
            "the last one is read again")
    }

    @Test func nothingMissedIsComplete() {
        var missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [.numbered(1, after: 0)], position: 1) == .complete([]))
        missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [], position: 1) == .complete([]), "the room has told nothing since")
        missed = MissedUpdates(after: .zero)
        #expect(add(&missed, [], position: 0) == .more, "a history that begins just now")
    }

    @Test(arguments: [0, 2, 9] as [UInt64]) func ofAHistoryThatIsGoneNothingIsKnown(_ position: UInt64) {
        var missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [], position: position) == .incomplete)
    }

    @Test(arguments: [
        [UserUpdate.numbered(3, after: 2)], [.numbered(2, after: 1), .numbered(4, after: 3)], [.numbered(2)],
    ])
    func aGapIsNot(_ page: [UserUpdate]) {
        var missed = MissedUpdates(after: id(1))
        #expect(add(&missed, page) == .incomplete)
    }

    @Test func aGapBetweenTwoPagesIsNot() {
        var missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [.numbered(2, after: 1)], isFull: true) == .more)
        #expect(missed.last == id(2))
        #expect(add(&missed, [.numbered(4, after: 3)]) == .incomplete)
    }

    @Test func whatIsOlderThanTheWindowIsNotRecovered() {
        var missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [.numbered(2, after: 1)], oldest: 2001) == .incomplete)
        missed = MissedUpdates(after: id(1))
        #expect(add(&missed, [.numbered(2, after: 1)], oldest: 2000) == .complete([.numbered(2, after: 1)]))
    }

    /// Another one may have come in between, or others have expired.
    @Test(arguments: [
        (StreamID(milliseconds: 1999, sequence: 3), true), (StreamID(milliseconds: 2000), false),
        (.zero, false),
    ]) func afterATimeTheFirstOneNamesOneOfBefore(_ previous: StreamID, _ isRecovered: Bool) {
        var missed = MissedUpdates(after: .time(1999))
        let page = [
            UserUpdate(id: id(1), previous: previous, event: "e", data: ByteBuffer(string: "{}")),
            .numbered(2, after: 1),
        ]
        #expect(add(&missed, page) == (isRecovered ? .complete(page) : .incomplete))
    }

    @Test func afterATimeNothingIsCompleteWhereThereIsAHistory() {
        var missed = MissedUpdates(after: .time(2000))
        #expect(add(&missed, [], position: 1) == .complete([]))
        missed = MissedUpdates(after: .time(2000))
        #expect(missed.add([], isFull: false, position: .zero, oldest: 0) == .incomplete)
    }

    @Test(arguments: [(0, true), (1, false)]) func moreThanAClientIsSentIsNotRecovered(
        _ above: Int, _ isRecovered: Bool
    ) {
        var missed = MissedUpdates(after: id(1))
        let data = ByteBuffer(repeating: UInt8(ascii: " "), count: MissedUpdates.mostBytes + above)
        let page = [UserUpdate(id: id(2), previous: id(1), event: "e", data: data)]
        #expect(add(&missed, page) == (isRecovered ? .complete(page) : .incomplete))
    }

    @Test func readingComesToAnEnd() {
        var missed = MissedUpdates(after: id(1))
        let page = [UserUpdate.numbered(1, after: 0)]
        for _ in 1..<MissedUpdates.mostReads { #expect(add(&missed, page, position: 2) == .more) }
        #expect(add(&missed, page, position: 2) == .incomplete)
    }
}

@Suite struct RecoveryTests {
    private static let key = SymmetricKey(data: Array("a key that all replicas have".utf8))
    private let recovery = Recovery(window: .seconds(120))
    private let position = StreamID(milliseconds: 5, sequence: 1)

    init() { recovery.use(Self.key) }

    private func claim(_ pid: String, offset: String? = nil, userID: String?) -> Recovery.Claim? {
        let offset = offset.map { ",\"offset\":\"\($0)\"" } ?? ""
        return recovery.claim(ByteBuffer(string: "{\"pid\":\"\(pid)\"\(offset)}"), userID: userID)
    }

    @Test(arguments: ["123", "a/b \u{1F4B6}", nil]) func readsWhatItSigned(_ userID: String?) {
        let privateID = PrivateID(socketID: "abc", userID: userID, position: position)
        #expect(PrivateID(privateID.signed(with: Self.key), key: Self.key) == privateID)
        #expect(PrivateID(privateID.signed(with: Self.key), key: SymmetricKey(size: .bits256)) == nil)
    }

    @Test func anyChangedCharacterMakesItVoid() {
        let text = Array(PrivateID(socketID: "abc", userID: "1", position: position).signed(with: Self.key))
        for index in text.indices.dropLast() {
            var forged = text
            forged[index] = text[index] == "A" ? "B" : "A"
            #expect(PrivateID(String(forged), key: Self.key) == nil)
        }
    }

    @Test(arguments: ["", "x", "====", "AAAA", String(repeating: "A", count: 2000), "\u{1F4B6}"])
    func whatWasNeverSignedIsNothing(_ text: String) { #expect(PrivateID(text, key: Self.key) == nil) }

    @Test func claimsFromThePositionOrTheLaterOffset() throws {
        let pid = try #require(recovery.issue(socketID: "s", userID: "1", position: position))
        func claimed(_ id: StreamID) -> Recovery.Claim {
            .init(text: pid, socketID: "s", userID: "1", position: id)
        }
        let later = StreamID(milliseconds: 9)
        #expect(claim(pid, userID: "1") == claimed(position))
        #expect(claim(pid, offset: "9-0/1", userID: "1") == claimed(later))
        #expect(
            claim(pid, offset: "4-0/1", userID: "1") == claimed(position), "kept from an earlier connection")
        #expect(claim(pid, offset: "nonsense", userID: "1") == nil, "what the client has had cannot be told")
        #expect(claim(pid, userID: "2") == nil, "another user's")
        #expect(claim(pid, userID: nil) == nil)
        #expect(claim(pid, offset: "9-0/2", userID: "1") == nil, "another user's updates")
    }

    @Test func whoWantsToRecoverWaitsForTheKey() {
        let recovery = Recovery(window: .seconds(1))
        let (wish, other) = (ByteBuffer(string: "{\"pid\":\"x\"}"), ByteBuffer(string: "{}"))
        #expect(recovery.mustWait(for: wish))
        #expect(!recovery.mustWait(for: other) && !recovery.mustWait(for: nil))
        recovery.use(Self.key)
        #expect(!recovery.mustWait(for: wish))
        #expect(!Recovery(window: .zero).mustWait(for: wish))
    }

    @Test func anOffsetTellsTheUserOfASocketThatHadNoneAtFirst() throws {
        let pid = try #require(recovery.issue(socketID: "s", userID: nil, position: .zero))
        let position = StreamID(milliseconds: 4, sequence: 2)
        #expect(
            claim(pid, offset: "4-2/a/b", userID: nil)
                == .init(text: pid, socketID: "s", userID: "a/b", position: position))
    }

    @Test func withoutAKeyOrAWindowNobodyRecovers() {
        let off = Recovery(window: .zero)
        off.use(Self.key)
        for recovery in [Recovery(window: .seconds(1)), off] {
            #expect(recovery.issue(socketID: "s", userID: "1", position: position) == nil)
        }
        #expect(off.registered("1", at: position, namespace: "/n") == nil)
    }

    @Test(arguments: ["{}", "[]", "{\"pid\":1}", "{\"pid\":\"x\"}", ""]) func otherPayloadsClaimNothing(
        _ auth: String
    ) {
        #expect(recovery.claim(ByteBuffer(string: auth), userID: "1") == nil)
        #expect(recovery.claim(nil, userID: "1") == nil)
    }
}
