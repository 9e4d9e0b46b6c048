import MessagePack
import NIOCore
import RawJSON
import Testing

@Suite struct MessagePackTests {
    /// What the official emitter publishes for `io.of("/finance-payments").to("user:u1").emit("payment-status-update", …)`.
    static let emitted: [UInt8] = hex(
        "93a7656d697474657283a47479706502a46461746192b57061796d656e742d7374617475732d75706461746582a6757365724964"
            + "a27531a6737461747573a4444f4e45a36e7370b12f66696e616e63652d7061796d656e747383a5726f6f6d7391a7757365723a75"
            + "31a5666c61677380a665786365707490")

    private static func hex(_ text: String) -> [UInt8] {
        let digits = Array(text)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
    }

    private func json(_ text: String) throws -> String {
        var transcoder = JSONTranscoder(maxAttachments: 0)
        return String(buffer: try transcoder.json(ByteBuffer(bytes: Self.hex(text))))
    }

    private func refusal(_ text: String) -> MessagePackError? {
        do throws(MessagePackError) {
            var transcoder = JSONTranscoder(maxAttachments: 0)
            _ = try transcoder.json(ByteBuffer(bytes: Self.hex(text)))
            return nil
        } catch {
            return error
        }
    }

    @Test func anEmittersMessage() throws {
        #expect(
            try transcode(Self.emitted)
                == #"["emitter",{"type":2,"data":["payment-status-update",{"userId":"u1","status":"DONE"}],"#
                + #""nsp":"/finance-payments"},{"rooms":["user:u1"],"flags":{},"except":[]}]"#)
    }

    @Test(arguments: [
        ("00", "0"), ("7f", "127"), ("e0", "-32"), ("ff", "-1"), ("ccff", "255"), ("cd0100", "256"),
        ("ceffffffff", "4294967295"), ("cfffffffffffffffff", "18446744073709551615"), ("d080", "-128"),
        ("d18000", "-32768"), ("d280000000", "-2147483648"), ("d38000000000000000", "-9223372036854775808"),
        ("ca3fc00000", "1.5"), ("cb3ff0000000000000", "1"), ("cb3fb999999999999a", "0.1"),
        ("cb44b52d02c7e14af6", "1e+23"), ("cb7ff8000000000000", "null"), ("cbfff0000000000000", "null"),
        ("c0", "null"), ("c2", "false"), ("c3", "true"), ("a0", #""""#), ("a3222f0a", #""\"/\n""#),
        ("d902c3a9", "\"é\""), ("da00026162", #""ab""#), ("db000000026162", #""ab""#), ("90", "[]"),
        ("dc0002c0c2", "[null,false]"), ("dd00000001c3", "[true]"), ("80", "{}"),
        ("de0001a16101", #"{"a":1}"#),
        ("df00000001a16102", #"{"a":2}"#), ("81d90161a162", #"{"a":"b"}"#),
    ])
    func values(_ bytes: String, _ text: String) throws {
        #expect(try json(bytes) == text)
    }

    // The last two: notepack 2's.
    @Test(arguments: [
        ("d6ff00000000", "1970-01-01T00:00:00.000Z"), ("d6ff39457980", "2000-06-13T00:00:00.000Z"),
        ("d6ffffffffff", "2106-02-07T06:28:15.000Z"), ("d7ffee2e1f0065e119b0", "2024-02-29T23:56:32.999Z"),
        ("c70cff3b9ac9ffffffffffffffffff", "1969-12-31T23:59:59.999Z"),
        ("d7000000018df74b4580", "2024-02-29T23:55:21.856Z"),
        ("d700fffffffffffffffe", "1969-12-31T23:59:59.998Z"),
    ])
    func dates(_ bytes: String, _ text: String) throws {
        #expect(try json(bytes) == "\"\(text)\"")
    }

    @Test(arguments: ["c70cff000000007fffffffffffffff", "d7007fffffffffffffff", "d700fffff4e2f964abff"])
    func datesBeyondTheCalendar(_ bytes: String) {
        #expect(refusal(bytes)?.code == .dateOutOfRange)
    }

    @Test func undefinedIsLeftOutOfMaps() throws {
        #expect(try json("83a161d40000a16201a163d40000") == #"{"b":1}"#)
        #expect(try json("92d40000d40000") == "[null,null]")
    }

    @Test func binariesBecomeAttachmentsOverSeveralValues() throws {
        var transcoder = JSONTranscoder(maxAttachments: 4)
        let first = try transcoder.json(ByteBuffer(bytes: Self.hex("82a161c401ffa16291c50000")))
        let second = try transcoder.json(ByteBuffer(bytes: Self.hex("92c60000000161c7020001fe")))
        #expect(
            String(buffer: first)
                == #"{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1}]}"#)
        #expect(String(buffer: second) == #"[{"_placeholder":true,"num":2},{"_placeholder":true,"num":3}]"#)
        #expect(
            transcoder.attachments.map { Array($0.readableBytesView) } == [[0xFF], [], [0x61], [0x01, 0xFE]])
        #expect(throws: MessagePackError.self) {
            try transcoder.json(ByteBuffer(bytes: Self.hex("c40100")))
        }
    }

    @Test(arguments: [
        ("c40161", MessagePackError.Code.tooManyAttachments), ("c1", .reservedByte),
        ("d40500", .unsupportedExtension), ("d40001", .unsupportedExtension),
        ("d5ff0000", .unsupportedExtension), ("8101c0", .keyNotString), ("a1ff", .invalidUTF8),
        ("81a1ffc0", .invalidUTF8), ("0000", .trailingBytes), ("", .truncated), ("c4ff61", .truncated),
        ("c6ffffffff61", .truncated), ("dbffffffff61", .truncated), ("ddffffffff", .truncated),
        ("dfffffffff", .truncated), ("c9ffffffff00", .truncated),
    ])
    func refusals(_ bytes: String, _ code: MessagePackError.Code) {
        #expect(refusal(bytes)?.code == code)
    }

    @Test func nestingIsBounded() throws {
        let deepest = String(repeating: "91", count: MessagePack.maxDepth)
        #expect(try json(deepest + "c0").hasSuffix("[null" + String(repeating: "]", count: 64)))
        #expect(refusal(deepest + "90")?.code == .tooDeep)
        #expect(refusal(String(repeating: "81a161", count: 100_000))?.code == .tooDeep)
        #expect(throws: MessagePackError.self) {
            try MessagePack.array(ByteBuffer(repeating: 0x91, count: 1_000_000))
        }
    }

    @Test func arraysAndMapsAreSliced() throws {
        let items = try MessagePack.array(ByteBuffer(bytes: Self.emitted))
        #expect(try MessagePack.string(items[0]) == "emitter")
        let packet = try MessagePack.map(items[1])
        #expect(packet.keys.sorted() == ["data", "nsp", "type"])
        #expect(try MessagePack.integer(#require(packet["type"])) == 2)
        #expect(try MessagePack.string(#require(packet["nsp"])) == "/finance-payments")
        #expect(items.map(\.readableBytes).reduce(1, +) == Self.emitted.count)
    }

    @Test func anotherKindThanTheOneAskedFor() {
        let cases: [(String, (ByteBuffer) throws(MessagePackError) -> Void)] = [
            ("80", { bytes throws(MessagePackError) in _ = try MessagePack.array(bytes) }),
            ("90", { bytes throws(MessagePackError) in _ = try MessagePack.map(bytes) }),
            ("01", { bytes throws(MessagePackError) in _ = try MessagePack.string(bytes) }),
            ("cb4000000000000000", { bytes throws(MessagePackError) in _ = try MessagePack.integer(bytes) }),
            ("cfffffffffffffffff", { bytes throws(MessagePackError) in _ = try MessagePack.integer(bytes) }),
        ]
        for (text, read) in cases {
            do throws(MessagePackError) {
                try read(ByteBuffer(bytes: Self.hex(text)))
                Issue.record("\(text) was taken")
            } catch {
                #expect(error.code == .wrongKind, "\(text)")
            }
        }
    }

    @Test func everyTruncationIsRefused() {
        for count in Self.emitted.indices {
            #expect(throws: MessagePackError.self) { try transcode(Self.emitted[..<count]) }
            #expect(throws: MessagePackError.self) {
                try MessagePack.array(ByteBuffer(bytes: Self.emitted[..<count]))
            }
        }
    }

    @Test func whateverIsTakenIsJSON() throws {
        var generator = SystemRandomNumberGenerator()
        var taken = 0
        for _ in 0..<20_000 {
            var bytes = Self.emitted
            if Bool.random(using: &generator) {
                bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                    .random(in: 0...255, using: &generator)
                }
            } else {
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = .random(
                        in: 0...255, using: &generator)
                }
            }
            guard let text = try? transcode(bytes) else { continue }
            taken += 1
            try RawJSON.validate(ByteBuffer(string: text))
        }
        #expect(taken > 100)
    }

    private func transcode(_ bytes: some Sequence<UInt8>) throws -> String {
        var transcoder = JSONTranscoder(maxAttachments: 10)
        return String(buffer: try transcoder.json(ByteBuffer(bytes: bytes)))
    }
}
