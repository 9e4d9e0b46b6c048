import NIOCore

/// Reads value by value.
struct MessagePackReader {
    /// What comes next; of those with a count, their bytes, items or members are still to be read.
    enum Head: Equatable {
        case null
        case bool(Bool)
        case unsigned(UInt64)
        case signed(Int64)
        case float(Double)
        case string(Int)
        case binary(Int)
        case array(Int)
        case map(Int)
        /// `isFixed`: one of the five formats whose length is in the tag.
        case `extension`(type: Int8, Int, isFixed: Bool)
    }

    private(set) var rest: ByteBuffer
    private let length: Int

    init(_ bytes: ByteBuffer) {
        rest = bytes
        length = bytes.readableBytes
    }

    func failure(_ code: MessagePackError.Code) -> MessagePackError {
        MessagePackError(code: code, offset: length - rest.readableBytes)
    }

    func end() throws(MessagePackError) {
        guard rest.readableBytes == 0 else { throw failure(.trailingBytes) }
    }

    mutating func head() throws(MessagePackError) -> Head {
        let tag = try integer(UInt8.self)
        switch tag {
        case 0x00...0x7F: return .unsigned(UInt64(tag))
        case 0x80...0x8F: return .map(Int(tag & 0x0F))
        case 0x90...0x9F: return .array(Int(tag & 0x0F))
        case 0xA0...0xBF: return .string(Int(tag & 0x1F))
        case 0xC0: return .null
        case 0xC2: return .bool(false)
        case 0xC3: return .bool(true)
        case 0xC4: return .binary(try length(UInt8.self))
        case 0xC5: return .binary(try length(UInt16.self))
        case 0xC6: return .binary(try length(UInt32.self))
        case 0xC7: return try extended(try length(UInt8.self))
        case 0xC8: return try extended(try length(UInt16.self))
        case 0xC9: return try extended(try length(UInt32.self))
        case 0xCA: return .float(Double(Float(bitPattern: try integer(UInt32.self))))
        case 0xCB: return .float(Double(bitPattern: try integer(UInt64.self)))
        case 0xCC: return .unsigned(UInt64(try integer(UInt8.self)))
        case 0xCD: return .unsigned(UInt64(try integer(UInt16.self)))
        case 0xCE: return .unsigned(UInt64(try integer(UInt32.self)))
        case 0xCF: return .unsigned(try integer(UInt64.self))
        case 0xD0: return .signed(Int64(try integer(Int8.self)))
        case 0xD1: return .signed(Int64(try integer(Int16.self)))
        case 0xD2: return .signed(Int64(try integer(Int32.self)))
        case 0xD3: return .signed(try integer(Int64.self))
        case 0xD4...0xD8: return try extended(1 << Int(tag - 0xD4), isFixed: true)
        case 0xD9: return .string(try length(UInt8.self))
        case 0xDA: return .string(try length(UInt16.self))
        case 0xDB: return .string(try length(UInt32.self))
        case 0xDC: return .array(try length(UInt16.self))
        case 0xDD: return .array(try length(UInt32.self))
        case 0xDE: return .map(try length(UInt16.self))
        case 0xDF: return .map(try length(UInt32.self))
        case 0xE0...0xFF: return .signed(Int64(Int8(bitPattern: tag)))
        default: throw failure(.reservedByte)
        }
    }

    private mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws(MessagePackError)
        -> Number
    {
        guard let number = rest.readInteger(as: Number.self) else { throw failure(.truncated) }
        return number
    }

    private mutating func length<Number: FixedWidthInteger>(_ type: Number.Type) throws(MessagePackError)
        -> Int
    {
        Int(try integer(type))
    }

    private mutating func extended(_ count: Int, isFixed: Bool = false) throws(MessagePackError) -> Head {
        .extension(type: try integer(Int8.self), count, isFixed: isFixed)
    }

    /// The bytes of a string, a binary or an extension.
    mutating func bytes(_ count: Int) throws(MessagePackError) -> ByteBuffer {
        guard let bytes = rest.readSlice(length: count) else { throw failure(.truncated) }
        return bytes
    }

    /// The bytes of a string, which are UTF-8.
    mutating func text(_ count: Int) throws(MessagePackError) -> ByteBuffer {
        let text = try bytes(count)
        guard String(validating: text.readableBytesView, as: UTF8.self) != nil else {
            throw failure(.invalidUTF8)
        }
        return text
    }

    mutating func key() throws(MessagePackError) -> ByteBuffer {
        guard case .string(let count) = try head() else { throw failure(.keyNotString) }
        return try text(count)
    }

    /// notepack 2 writes JavaScript's `undefined` as extension 0 with one zero byte.
    mutating func skipUndefined() -> Bool {
        guard rest.readableBytesView.starts(with: [0xD4, 0x00, 0x00]) else { return false }
        rest.moveReaderIndex(forwardBy: 3)
        return true
    }

    /// The bytes of the next value, whatever it is.
    mutating func slice(depth: Int) throws(MessagePackError) -> ByteBuffer {
        let start = rest
        try skip(depth: depth)
        return start.getSlice(at: start.readerIndex, length: start.readableBytes - rest.readableBytes)
            ?? ByteBuffer()
    }

    private mutating func skip(depth: Int) throws(MessagePackError) {
        switch try head() {
        case .null, .bool, .unsigned, .signed, .float: break
        case .string(let count), .binary(let count), .extension(_, let count, _): _ = try bytes(count)
        case .array(let count): try skip(count, depth: depth)
        case .map(let count): try skip(2 * count, depth: depth)
        }
    }

    private mutating func skip(_ count: Int, depth: Int) throws(MessagePackError) {
        guard depth < MessagePack.maxDepth else { throw failure(.tooDeep) }
        for _ in 0..<count { try skip(depth: depth + 1) }
    }
}
