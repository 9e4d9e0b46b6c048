import NIOCore
import Testing

@testable import SocketIO

@Suite struct EnginePacketTests {
    static let packets: [(String, EnginePacket)] = [
        ("0{}", .open(ByteBuffer(string: "{}"))), ("1", .close), ("2", .ping(ByteBuffer())),
        ("2probe", .ping(ByteBuffer(string: "probe"))), ("3", .pong(ByteBuffer())),
        ("4hello", .message(ByteBuffer(string: "hello"))), ("5", .upgrade), ("6", .noop),
    ]

    @Test(arguments: packets) func readsAndWrites(_ text: String, _ packet: EnginePacket) throws {
        #expect(try EnginePacket(text: ByteBuffer(string: text)) == packet)
        var written = ByteBuffer()
        packet.write(into: &written)
        #expect(String(buffer: written) == text)
        #expect(packet.byteCount == text.utf8.count)
    }

    @Test(arguments: ["", "abc", "7", "\u{1E}"]) func refusesWhatIsNoPacket(_ text: String) {
        #expect(throws: EnginePacket.ParseError.self) { try EnginePacket(text: ByteBuffer(string: text)) }
    }

    @Test func joinsAndSplitsPayloads() throws {
        let packets: [EnginePacket] = [
            .message(ByteBuffer(string: "a")), .binary(ByteBuffer(bytes: [1, 2, 3])), .close,
        ]
        let body = EnginePayload.encode(packets)
        #expect(String(buffer: body) == "4a\u{1E}bAQID\u{1E}1")
        #expect(try EnginePayload.decode(body) == packets)
    }

    @Test(arguments: ["", "4a\u{1E}", "4a\u{1E}\u{1E}4b", "b!!!", "4a\u{1E}x"])
    func refusesWhatIsNoPayload(_ text: String) {
        #expect(throws: EnginePacket.ParseError.self) { try EnginePayload.decode(ByteBuffer(string: text)) }
    }

    @Test(arguments: [[0x34, 0xFF], [0x34, 0xC3], [0x34, 0xC3, 0x1E, 0x34, 0xA9]] as [[UInt8]])
    func refusesTextThatIsNotUTF8(_ bytes: [UInt8]) {
        #expect(throws: EnginePacket.ParseError.self) { try EnginePayload.decode(ByteBuffer(bytes: bytes)) }
    }
}
