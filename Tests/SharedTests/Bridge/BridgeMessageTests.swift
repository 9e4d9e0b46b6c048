import NIOCore
import Testing

@testable import Shared

private func read(_ json: String) throws(BridgeProtocolError) -> BridgeMessage {
    try BridgeMessage(frame: ByteBuffer(string: json))
}

private let id = BridgeRequestID.random()

@Suite struct BridgeMessageTests {
    static let messages: [BridgeMessage] = [
        .hello(.init(versions: [1, 2], role: "edge-http", instance: "a\"b", build: "0.1.0")),
        .welcome(.init(version: 1, window: 1024, maxFrame: 4096, instance: "i", build: "b")),
        .error(code: "malformed_frame", message: "no"),
        .request(
            BridgeRequest(
                id: id, topic: "a.b", key: "k", headers: [("x-request-id", "r"), ("n", "é\n")],
                body: ByteBuffer(string: "{\"body\":{\"type\":\"cancel\"}}"), timeout: .milliseconds(1500))),
        .request(
            BridgeRequest(
                id: id, topic: "a", body: ByteBuffer(string: "{}"), timeout: .zero, keepsReply: true)),
        .emit(BridgeRequest(id: id, topic: "a", body: ByteBuffer(string: "[1]"), timeout: .zero)),
        .reply(id: id, final: true, .body(ByteBuffer(string: "null"))),
        .reply(id: id, final: false, .body(ByteBuffer(string: "{\"a\": 1.0}"))),
        .reply(id: id, final: true, .error(ByteBuffer(string: "\"text\""))),
        .failure(id: id, BridgeFailure(.topicMissing, message: "no topic a.b", retryAfter: 5)),
        .failure(id: id, BridgeFailure(.sendUnconfirmed, message: "?")),
        .cancel(id: id, .deadline), .cancel(id: id, .clientGone), .accepted(id: id),
        .resume([.init(id: id, timeout: 100), .init(id: .random(), timeout: 0)]), .resume([]),
        .resume([.init(id: id, timeout: 1)], from: "instance:b"), .resume([], from: ""),
        .goaway(reason: "restart"), .ping, .pong,
    ]

    @Test func idsAreDifferent() {
        #expect(Set((0..<1000).map { _ in BridgeRequestID.random() }).count == 1000)
    }

    @Test func anIDMayBeWrittenWithEscapes() throws {
        let escaped = id.description.utf8.map { "\\u00" + String($0, radix: 16) }.joined()
        #expect(try read("{\"type\":\"accepted\",\"id\":\"\(escaped)\"}") == .accepted(id: id))
    }

    @Test(arguments: messages) func whatIsWrittenIsReadBack(message: BridgeMessage) throws {
        var buffer = ByteBuffer()
        let length = message.write(into: &buffer)
        #expect(buffer.readInteger(as: UInt32.self) == UInt32(length))
        #expect(buffer.readableBytes == length)
        #expect(try BridgeMessage(frame: buffer) == message)
    }

    @Test func membersMayComeInAnyOrderAndUnknownOnesAreIgnored() throws {
        let message = try read("{\"id\":\"\(id)\",\"later\":{\"x\":[]},\"type\":\"accepted\"}")
        #expect(message == .accepted(id: id))
    }

    @Test(arguments: [
        ("[]", BridgeProtocolError.Code.malformedFrame), ("garbage", .malformedFrame),
        ("{}", .malformedFrame),
        ("{\"type\":1}", .malformedFrame), ("{\"type\":\"nonsense\"}", .unknownType),
        ("{\"type\":\"cancel\",\"id\":\"xyz\",\"reason\":\"deadline\"}", .malformedFrame),
        ("{\"type\":\"hello\",\"versions\":1}", .malformedFrame), ("{\"type\":\"ping\"", .malformedFrame),
        ("{\"type\":\"reply\",\"id\":\"00000000000000000000000000000000\",\"final\":true}", .malformedFrame),
        (
            "{\"type\":\"request\",\"id\":\"00000000000000000000000000000000\",\"topic\":\"t\",\"timeout\":-1,\"body\":{}}",
            .malformedFrame
        ),
        (
            "{\"type\":\"request\",\"id\":\"00000000000000000000000000000000\",\"topic\":\"t\",\"timeout\":1,"
                + "\"headers\":{\"a\":1},\"body\":{}}", .malformedFrame
        ),
    ])
    func wrongFramesAreNamed(json: String, code: BridgeProtocolError.Code) {
        #expect(throws: BridgeProtocolError.self) { try read(json) }
        do throws(BridgeProtocolError) { _ = try read(json) } catch { #expect(error.code == code) }
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        #expect(throws: BridgeProtocolError.self) {
            try read("{\"type\":\"request\",\"body\":\(deep)}")
        }
    }
}

@Suite struct BridgeFrameDecoderTests {
    private func frame(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(text.utf8.count))
        buffer.writeString(text)
        return buffer
    }

    @Test func framesAreFoundHoweverTheBytesArrive() throws {
        var stream = frame("{\"type\":\"ping\"}")
        stream.writeImmutableBuffer(frame("{\"type\":\"pong\"}"))
        for size in 1...stream.readableBytes {
            var decoder = BridgeFrameDecoder(maxFrame: 100)
            var rest = stream
            var found: [String] = []
            while rest.readableBytes > 0 {
                guard let piece = rest.readSlice(length: min(size, rest.readableBytes)) else { break }
                decoder.append(piece)
                while let next = try decoder.next() { found.append(String(buffer: next)) }
            }
            #expect(found == ["{\"type\":\"ping\"}", "{\"type\":\"pong\"}"])
        }
    }

    @Test func fourGibibytesAreRefusedBeforeAnythingIsKept() {
        var decoder = BridgeFrameDecoder(maxFrame: 2 << 20)
        decoder.append(ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF]))
        #expect(
            throws: BridgeProtocolError(
                .frameTooLarge, "a frame of 4294967295 bytes is announced, 2097152 is the limit")
        ) {
            try decoder.next()
        }
    }

    @Test func theLimitItselfIsAllowedAndAnEmptyFrameIsNot() throws {
        var decoder = BridgeFrameDecoder(maxFrame: 5)
        decoder.append(frame("12345"))
        #expect(try decoder.next()?.readableBytes == 5)
        decoder.append(frame("123456"))
        #expect(throws: BridgeProtocolError.self) { try decoder.next() }
        var empty = BridgeFrameDecoder(maxFrame: 5)
        empty.append(frame(""))
        #expect(throws: BridgeProtocolError.self) { try empty.next() }
    }
}
