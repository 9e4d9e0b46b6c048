public import NIOCore

/// A message as WebSocket knows it; Engine.IO carries the same two kinds.
public enum WebSocketMessage: Equatable, Sendable {
    /// Valid UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)
}

/// The code of a close frame (RFC 6455, §7.4).
struct WebSocketCloseCode: RawRepresentable, Equatable, Sendable {
    let rawValue: UInt16

    static let normal = Self(rawValue: 1000)
    static let protocolError = Self(rawValue: 1002)
    static let invalidData = Self(rawValue: 1007)
    static let tooLarge = Self(rawValue: 1009)

    /// Whether a peer may send it. 1004 to 1006 and 1015 never travel; up to 1014 IANA has registered the rest.
    var isValid: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// The kind of a frame (RFC 6455, §5.2).
enum WebSocketOpcode: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    var isControl: Bool { rawValue >= 8 }
}

extension ByteBuffer {
    /// Appends the header of an unmasked frame that holds all of its message (RFC 6455, §5.2).
    ///
    /// - Parameter length: bytes of the payload that is to follow.
    mutating func writeWebSocketHeader(_ opcode: WebSocketOpcode, length: Int) {
        writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ...125: writeInteger(UInt8(length))
        case ...0xFFFF: writeMultipleIntegers(UInt8(126), UInt16(length))
        default: writeMultipleIntegers(UInt8(127), UInt64(length))
        }
    }

    static func webSocketFrame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: data.readableBytes + 10)
        buffer.writeWebSocketHeader(opcode, length: data.readableBytes)
        buffer.writeImmutableBuffer(data)
        return buffer
    }

    /// Packets of Engine.IO, one frame each: text with the packet's digit, binary as it is.
    init(webSocketFramesOf packets: [EnginePacket]) {
        self = ByteBufferAllocator().buffer(
            capacity: packets.reduce(0) { $0 + $1.byteCount + 10 })
        for packet in packets {
            if case .binary(let data) = packet {
                writeWebSocketHeader(.binary, length: data.readableBytes)
                writeImmutableBuffer(data)
            } else {
                writeWebSocketHeader(.text, length: packet.byteCount)
                packet.write(into: &self)
            }
        }
    }
}
