import NIOCore
import Testing

@testable import SocketIO

@Suite struct WebSocketMachineTests {
    typealias Event = WebSocketMachine.Event

    /// Feeds the bytes in pieces of a size.
    private func events(_ bytes: [UInt8], by size: Int = .max, max: Int = 100_000) -> [Event] {
        var machine = WebSocketMachine(maxMessage: max)
        var events: [Event] = []
        var rest = bytes[...]
        repeat {
            var piece = ByteBuffer(bytes: rest.prefix(size))
            rest = rest.dropFirst(size)
            while let event = machine.next(&piece) { events.append(event) }
            #expect(piece.readableBytes == 0)
        } while !rest.isEmpty
        return events
    }

    private func text(_ text: String) -> Event { .message(.text(ByteBuffer(string: text))) }
    private func binary(_ bytes: [UInt8]) -> Event { .message(.binary(ByteBuffer(bytes: bytes))) }

    @Test(arguments: [1, 2, 3, 7, Int.max])
    func readsMessages(_ size: Int) {
        let long = String(repeating: "x", count: 70_000)
        let medium = [UInt8](repeating: 7, count: 300)
        let bytes =
            ClientFrame(1, "hello").bytes + ClientFrame(1).bytes + ClientFrame(2, medium).bytes
            + ClientFrame(1, long).bytes
        #expect(events(bytes, by: size) == [text("hello"), text(""), binary(medium), text(long)])
    }

    @Test(arguments: [1, 5, Int.max])
    func putsFragmentsTogetherWithControlFramesInBetween(_ size: Int) {
        let bytes =
            ClientFrame(1, "one ", fin: false).bytes + ClientFrame(9, "p").bytes
            + ClientFrame(0, fin: false).bytes + ClientFrame(10, "unasked").bytes
            + ClientFrame(0, "two", fin: true).bytes
        #expect(events(bytes, by: size) == [.ping(ByteBuffer(string: "p")), text("one two")])
    }

    @Test(arguments: 0...9)
    func unmasksAtEveryOffset(_ split: Int) {
        let data = Array("0123456789".utf8)
        let bytes = ClientFrame(2, Array(data.prefix(split)), fin: false).bytes
        #expect(events(bytes + ClientFrame(0, Array(data.dropFirst(split))).bytes, by: 3) == [binary(data)])
    }

    // MARK: - Faults

    static let faults: [(String, [UInt8], WebSocketCloseCode)] = [
        ("reserved bit 1", ClientFrame(1, reserved: 4).bytes, .protocolError),
        ("reserved bit 2", ClientFrame(2, reserved: 2).bytes, .protocolError),
        ("reserved bit 3 of a control frame", ClientFrame(9, reserved: 1).bytes, .protocolError),
        ("data opcode 3", ClientFrame(3).bytes, .protocolError),
        ("data opcode 7", ClientFrame(7).bytes, .protocolError),
        ("control opcode 11", ClientFrame(11).bytes, .protocolError),
        ("control opcode 15", ClientFrame(15).bytes, .protocolError),
        ("fragmented ping", ClientFrame(9, fin: false).bytes, .protocolError),
        ("fragmented close", ClientFrame(8, fin: false).bytes, .protocolError),
        ("ping of 126 bytes", ClientFrame(9, [UInt8](repeating: 0, count: 126)).bytes, .protocolError),
        ("nothing to continue", ClientFrame(0, "x").bytes, .protocolError),
        (
            "a message within a message", ClientFrame(1, "a", fin: false).bytes + ClientFrame(1, "b").bytes,
            .protocolError
        ),
        (
            "nothing to continue any more",
            ClientFrame(1, "a", fin: false).bytes + ClientFrame(0, "b").bytes + ClientFrame(0, "c").bytes,
            .protocolError
        ),
        ("too long", [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x86, 0xA1], .tooLarge),
        ("a length with its highest bit set", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .protocolError),
        ("a close frame of one byte", ClientFrame(8, [3]).bytes, .protocolError),
        ("a close reason that is not UTF-8", ClientFrame(8, [3, 0xE8, 0xFF]).bytes, .invalidData),
        ("text that is not UTF-8", ClientFrame(1, [0x61, 0xFF]).bytes, .invalidData),
        ("text that ends within a character", ClientFrame(1, [0xE2, 0x82]).bytes, .invalidData),
        (
            "the end of a character missing at the last fragment",
            ClientFrame(1, [0xE2], fin: false).bytes + ClientFrame(0, [0x82]).bytes, .invalidData
        ),
    ]

    @Test(arguments: faults)
    func fails(_ name: String, _ bytes: [UInt8], _ code: WebSocketCloseCode) {
        for size in [1, Int.max] {
            #expect(events(bytes, by: size).last == .failed(code), "\(name)")
        }
    }

    @Test func failsByAnUnmaskedFrame() {
        var frame = ClientFrame(1, "x")
        frame.mask = nil
        #expect(events(frame.bytes) == [.failed(.protocolError)])
    }

    @Test(arguments: [(2, 125), (8, 125), (8, 65_535)])
    func failsByALengthInALongerFormThanNeeded(_ lengthBytes: Int, _ count: Int) {
        var frame = ClientFrame(2, [UInt8](repeating: 1, count: count))
        frame.lengthBytes = lengthBytes
        #expect(events(frame.bytes) == [.failed(.protocolError)])
    }

    @Test func failsByTheHeaderBeforeTheData() {
        var frame = ClientFrame(2)
        frame.claimed = 100_001
        #expect(events(frame.bytes) == [.failed(.tooLarge)])
        #expect(events([0x83]) == [.failed(.protocolError)])
        #expect(events([0x81, 0x05]) == [.failed(.protocolError)])
    }

    @Test func theLimitCountsAllFragments() {
        let bytes = ClientFrame(2, [1, 2, 3], fin: false).bytes
        #expect(events(bytes + ClientFrame(0, [4, 5]).bytes, max: 5) == [binary([1, 2, 3, 4, 5])])
        #expect(events(bytes + ClientFrame(0, [4, 5, 6]).bytes, max: 5) == [.failed(.tooLarge)])
    }

    @Test func failsByTheFirstByteThatIsNotUTF8() {
        // A surrogate, in a frame that is not there in full.
        var frame = ClientFrame(1, [0x61, 0xED, 0xA0])
        frame.claimed = 1000
        #expect(events(frame.bytes) == [.failed(.invalidData)])
    }

    @Test func nothingCountsAfterAFault() {
        #expect(events(ClientFrame(3).bytes + ClientFrame(1, "x").bytes) == [.failed(.protocolError)])
    }

    // MARK: - Closing

    @Test(arguments: [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 3999, 4000, 4999,
    ])
    func acceptsCloseCodes(_ code: UInt16) {
        let data = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array("bye".utf8)
        #expect(
            events(ClientFrame(8, data).bytes + ClientFrame(1, "x").bytes)
                == [.closed(WebSocketCloseCode(rawValue: code))])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
    func refusesCloseCodes(_ code: UInt16) {
        #expect(
            events(ClientFrame(8, [UInt8(code >> 8), UInt8(code & 0xFF)]).bytes) == [.failed(.protocolError)])
    }

    @Test func acceptsACloseWithoutACode() { #expect(events(ClientFrame(8).bytes) == [.closed(nil)]) }
}
