import Logging
import NIOCore
import SocketIO
import Testing

@testable import edge_ws

@Suite struct EmitterChannelsTests {
    private let channels = EmitterChannels(prefix: "socket.io", namespace: "/finance-payments")

    @Test func namesAreTheOfficialOnes() {
        #expect(channels.broadcast == "socket.io#/finance-payments#")
        #expect(channels.room("user:u1") == "socket.io#/finance-payments#user:u1#")
    }

    @Test(arguments: ["user:u1", "user:#", "user:a#b", "é"])
    func aRoomComesBackFromItsChannel(_ room: String) {
        #expect(channels.scope(of: channels.room(room)) == .room(room))
    }

    @Test(arguments: [
        "vy:user:{u1}:updates", "socket.io#/finance#", "socket.io#/finance-payments2#",
        "other#/finance-payments#",
        "socket.io#/finance-payments#user:u1",
    ])
    func othersAreNone(_ channel: String) {
        #expect(channels.scope(of: channels.broadcast) == .namespace)
        #expect(channels.scope(of: channel) == nil)
    }
}

@Suite struct EmitterMessageTests {
    private static let official =
        "93a7656d697474657283a47479706502a46461746192b57061796d656e742d7374617475732d75706461746582a6757365724964"
        + "a27531a6737461747573a4444f4e45a36e7370b12f66696e616e63652d7061796d656e747383a5726f6f6d7391a7757365723a75"
        + "31a5666c61677380a665786365707490"

    private func read(
        _ message: Packed, from scope: EmitterChannels.Scope = .namespace, limit: Int = 1 << 20
    ) throws(EmitterFault) -> EmitterMessage {
        try EmitterMessage(message.bytes, from: scope, namespace: "/n", limit: limit)
    }

    private func refusal(
        _ message: Packed, from scope: EmitterChannels.Scope = .namespace, limit: Int = 1 << 20
    ) -> String? {
        do throws(EmitterFault) {
            _ = try read(message, from: scope, limit: limit)
            return nil
        } catch {
            return error.reason
        }
    }

    private func message(
        _ data: [Packed] = ["hello"], type: Packed = 2, nsp: Packed = "/n", options: Packed = [:]
    ) -> Packed {
        ["emitter", ["type": type, "data": .array(data), "nsp": nsp], options]
    }

    @Test func theOfficialEmittersOwnBytes() throws {
        let message = try EmitterMessage(
            Packed.hex(Self.official).bytes, from: .room("user:u1"), namespace: "/finance-payments",
            limit: 1000)
        #expect(message.audience == Audience(rooms: ["user:u1"]))
        #expect(message.name == "payment-status-update")
        #expect(message.arguments.map { String(buffer: $0) } == [#"{"userId":"u1","status":"DONE"}"#])
        #expect(message.attachments == [])
    }

    @Test func everyTruncationOfThemIsRefused() {
        let bytes = Packed.hex(Self.official).bytes
        for count in 0..<bytes.readableBytes {
            #expect(throws: EmitterFault.self) {
                try EmitterMessage(
                    bytes.getSlice(at: 0, length: count)!, from: .room("user:u1"),
                    namespace: "/finance-payments", limit: 1000)
            }
        }
    }

    @Test func aRoomThatSwiftTakesForAnotherIsRefused() {
        for option in ["rooms", "except"] {
            let refused = refusal(message(options: .map([(option, .array(["a", "user:\u{212A}im"]))])))
            #expect(refused == "a room's name is not in Unicode's normalization form C")
        }
    }

    @Test func roomsAndExceptAreSets() throws {
        let audience = try read(
            message(options: ["rooms": ["a", "b", "a"], "except": ["c"], "flags": ["volatile": .hex("c3")]])
        ).audience
        #expect(audience == Audience(rooms: ["a", "b"], except: ["c"]))
        // Emitters older than protocol 5 have no `except`.
        #expect(try read(message(options: ["rooms": .hex("c0")])).audience == Audience())
    }

    @Test func binariesBecomeAttachments() throws {
        let read = try read(message(["file", .hex("c402ff00"), ["a": .hex("c40101")]], type: 5))
        #expect(
            read.arguments.map { String(buffer: $0) } == [
                #"{"_placeholder":true,"num":0}"#, #"{"a":{"_placeholder":true,"num":1}}"#,
            ])
        #expect(read.attachments == [ByteBuffer(bytes: [0xFF, 0]), ByteBuffer(bytes: [1])])
        #expect(
            refusal(message(["file"] + Array(repeating: .hex("c400"), count: 11)))?.contains("tooMany")
                == true)
    }

    @Test func anEventsEndIsNoOffset() throws {
        func text(_ data: [Packed], keepsOffset: Bool = true) throws -> EncodedEvent {
            try read(message(data)).event(in: "/n", keepsOffset: keepsOffset)
        }
        func event(_ arguments: [String]) -> EncodedEvent {
            EncodedEvent(
                namespace: "/n", name: "hello", arguments: arguments.map { ByteBuffer(string: $0) })
        }
        #expect(try text(["hello"]) == event(["null"]))
        #expect(try text(["hello", "x"]) == event(["\"x\"", "null"]))
        #expect(try text(["hello", "x", 1]) == event(["\"x\"", "1"]))
        // A date is a string to the client.
        #expect(
            try text(["hello", .hex("d6ff00000000")]) == event(["\"1970-01-01T00:00:00.000Z\"", "null"]))
        #expect(try text(["hello", "x"], keepsOffset: false) == event(["\"x\""]))
    }

    @Test func aRoomsChannelIsForThatRoomAlone() {
        #expect(refusal(message(options: ["rooms": ["user:1"]]), from: .room("user:1")) == nil)
        #expect(refusal(message(options: ["rooms": ["user:1"]]), from: .namespace) == nil)
        for rooms: Packed in [["user:2"], ["user:1", "user:2"], []] {
            #expect(refusal(message(options: ["rooms": rooms]), from: .room("user:1")) != nil)
        }
    }

    @Test func whatIsNotAsTheEmitterWritesItIsRefused() {
        let bad: [Packed] = [
            .hex(""), .hex("c1"), 1, [], ["emitter"], ["emitter", ["type": 2]], ["emitter", 1, 2],
            ["emitter", [:], [:]], .hex("7b7d"), .hex("dd7fffffff"),
            .hex(String(repeating: "91", count: 5000)),
            message([]), message([1]), message([""]), message(["connect"]), message(["disconnecting"]),
            message(type: 1), message(type: 3), message(type: "2"), message(nsp: "/other"), message(nsp: 1),
            message(nsp: .hex("c0")), message(options: ["rooms": "a"]), message(options: ["rooms": [1]]),
            message(options: ["except": [1]]), message(options: [1]), message(["hello", .hex("d4ff00")]),
            ["emitter", ["type": 2, "data": ["hello"]], [:]], ["emitter", ["type": 2, "nsp": "/n"], [:]],
        ]
        for message in bad { #expect(refusal(message) != nil, "\(message)") }
    }

    @Test func sizesAreBounded() {
        let long = message(["hello", .text(String(repeating: "x", count: 1000))])
        #expect(refusal(long, limit: 2000) == nil)
        #expect(refusal(long, limit: 900)?.contains("900") == true)
        // Six times as long in JSON as in MessagePack.
        let control = message(["hello", .text(String(repeating: "\u{1}", count: 1000))])
        #expect(refusal(control, limit: 6000) != nil)
        #expect(refusal(control, limit: 6100) == nil)
    }
}

@Suite struct EmitterIntakeTests {
    @Test func countsWhatItTakes() {
        let intake = EmitterIntake(
            EmitterChannels(prefix: "p", namespace: "/n"), limit: 1000, keepsOffset: false,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var (toRoom, toNamespace): ([Audience], [Audience]) = ([], [])
        func take(_ message: ByteBuffer, _ channel: String) -> Bool {
            intake.take(
                message, from: channel, toRoom: { toRoom.append($1) }, toNamespace: { toNamespace.append($1) }
            )
        }
        let message: Packed = ["e", ["type": 2, "data": ["hello"], "nsp": "/n"], ["rooms": ["a"]]]
        #expect(take(message.bytes, "p#/n#"))
        #expect(take(message.bytes, "p#/n#a#"))
        #expect(take(message.bytes, "p#/n#b#"))
        #expect(take(ByteBuffer(string: "garbage"), "p#/n#"))
        #expect(!take(message.bytes, "vy:user:{a}:updates"))
        #expect(toRoom == [Audience(rooms: ["a"])])
        #expect(toNamespace == [Audience(rooms: ["a"])])
        #expect(intake.statistics.events == 2)
        #expect(intake.statistics.refused == 2)
    }
}

/// A value as MessagePack, of at most 15 items or members.
enum Packed: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    case text(String)
    case number(UInt8)
    case array([Packed])
    case map([(String, Packed)])
    case hex(String)

    init(stringLiteral text: String) { self = .text(text) }
    init(integerLiteral number: UInt8) { self = .number(number) }
    init(arrayLiteral items: Packed...) { self = .array(items) }
    init(dictionaryLiteral members: (String, Packed)...) { self = .map(members) }

    var bytes: ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .text(let text):
            buffer.writeInteger(UInt8(0xDA))
            buffer.writeInteger(UInt16(text.utf8.count))
            buffer.writeString(text)
        case .number(let number): buffer.writeInteger(number)
        case .array(let items):
            buffer.writeInteger(0x90 | UInt8(items.count))
            for item in items { buffer.writeImmutableBuffer(item.bytes) }
        case .map(let members):
            buffer.writeInteger(0x80 | UInt8(members.count))
            for (key, value) in members {
                buffer.writeImmutableBuffer(Packed.text(key).bytes)
                buffer.writeImmutableBuffer(value.bytes)
            }
        case .hex(let digits):
            let digits = Array(digits)
            for index in stride(from: 0, to: digits.count, by: 2) {
                buffer.writeInteger(UInt8(String(digits[index...index + 1]), radix: 16) ?? 0)
            }
        }
        return buffer
    }
}
