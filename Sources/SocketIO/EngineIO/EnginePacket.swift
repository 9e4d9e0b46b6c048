import FoundationEssentials
import NIOCore

/// One packet of the Engine.IO protocol, version 4.
enum EnginePacket: Equatable, Sendable {
    case open(ByteBuffer)
    case close
    case ping(ByteBuffer)
    case pong(ByteBuffer)
    /// A text message, without the packet's digit.
    case message(ByteBuffer)
    case binary(ByteBuffer)
    case upgrade
    case noop

    /// The bytes are no packet of the protocol.
    struct ParseError: Error, Equatable {}

    /// Reads one packet of a WebSocket text frame: a digit, then its data.
    init(text: ByteBuffer) throws(ParseError) {
        var data = text
        guard let digit = data.readInteger(as: UInt8.self) else { throw ParseError() }
        switch digit {
        case UInt8(ascii: "0"): self = .open(data)
        case UInt8(ascii: "1"): self = .close
        case UInt8(ascii: "2"): self = .ping(data)
        case UInt8(ascii: "3"): self = .pong(data)
        case UInt8(ascii: "4"): self = .message(data)
        case UInt8(ascii: "5"): self = .upgrade
        case UInt8(ascii: "6"): self = .noop
        default: throw ParseError()
        }
    }

    /// Reads what came as one WebSocket message; nil when it is no packet.
    init?(_ message: WebSocketMessage) {
        switch message {
        case .text(let text):
            guard let packet = try? EnginePacket(text: text) else { return nil }
            self = packet
        case .binary(let data): self = .binary(data)
        }
    }

    init(sending message: WebSocketMessage) {
        switch message {
        case .text(let text): self = .message(text)
        case .binary(let data): self = .binary(data)
        }
    }

    /// Appends the packet as text; binary ones as `b` and base64, which only polling uses.
    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .open(let data): Self.write("0", data, into: &buffer)
        case .close: buffer.writeStaticString("1")
        case .ping(let data): Self.write("2", data, into: &buffer)
        case .pong(let data): Self.write("3", data, into: &buffer)
        case .message(let data): Self.write("4", data, into: &buffer)
        case .binary(let data):
            buffer.writeStaticString("b")
            buffer.writeString(Data(data.readableBytesView).base64EncodedString())
        case .upgrade: buffer.writeStaticString("5")
        case .noop: buffer.writeStaticString("6")
        }
    }

    private static func write(_ digit: StaticString, _ data: ByteBuffer, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(digit)
        buffer.writeImmutableBuffer(data)
    }

    /// How much the packet adds to a queue.
    var byteCount: Int {
        switch self {
        case .open(let data), .ping(let data), .pong(let data), .message(let data), .binary(let data):
            data.readableBytes + 1
        case .close, .upgrade, .noop: 1
        }
    }
}

extension [EnginePacket] {
    /// A text message and the binary ones that belong to it.
    static func message(_ text: ByteBuffer, with attachments: [ByteBuffer]) -> [EnginePacket] {
        [.message(text)] + attachments.map { .binary($0) }
    }
}

/// The body of a polling request or answer: packets joined by the record separator 0x1E.
enum EnginePayload {
    private static let separator: UInt8 = 0x1E

    static func encode(_ packets: [EnginePacket]) -> ByteBuffer {
        var buffer = ByteBuffer()
        for (index, packet) in packets.enumerated() {
            if index > 0 { buffer.writeInteger(separator) }
            packet.write(into: &buffer)
        }
        return buffer
    }

    static func decode(_ body: ByteBuffer) throws(EnginePacket.ParseError) -> [EnginePacket] {
        // Its messages may leave by a WebSocket, which takes no other text.
        var utf8 = UTF8Validator()
        guard body.withUnsafeReadableBytes({ utf8.accept($0) }), utf8.isComplete else {
            throw EnginePacket.ParseError()
        }
        var packets: [EnginePacket] = []
        let parts = body.readableBytesView.split(
            separator: separator, omittingEmptySubsequences: false)
        for part in parts {
            guard part.first == UInt8(ascii: "b") else {
                packets.append(try EnginePacket(text: ByteBuffer(part)))
                continue
            }
            guard let data = Data(base64Encoded: Data(part.dropFirst())) else {
                throw EnginePacket.ParseError()
            }
            packets.append(.binary(ByteBuffer(bytes: data)))
        }
        return packets
    }
}
