public import NIOCore

/// Why bytes are not taken, and where.
public struct MessagePackError: Error, Equatable {
    public enum Code: Sendable {
        /// The bytes end within a value, or a length says more than there are.
        case truncated
        case trailingBytes
        /// Another kind of value than the one asked for.
        case wrongKind
        case tooDeep
        case invalidUTF8
        /// A map's key that is no string, which JSON does not have.
        case keyNotString
        /// The byte 0xC1, which the specification never uses.
        case reservedByte
        /// An extension other than those of JavaScript's values.
        case unsupportedExtension
        /// Before the Gregorian calendar (1582-10-15), or after the year 9999.
        case dateOutOfRange
        case tooManyAttachments
    }

    public let code: Code
    /// Bytes from the start of what was read.
    public let offset: Int
}

/// Slices MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) without decoding more than is asked for.
///
/// No length is trusted: nothing is allocated for it before its bytes are there.
public enum MessagePack {
    /// Arrays and maps that may be nested.
    public static let maxDepth = 64

    /// Splits one array into its items, which are slices of `bytes`.
    public static func array(_ bytes: ByteBuffer) throws(MessagePackError) -> [ByteBuffer] {
        var reader = MessagePackReader(bytes)
        guard case .array(let count) = try reader.head() else { throw reader.failure(.wrongKind) }
        var items: [ByteBuffer] = []
        for _ in 0..<count { items.append(try reader.slice(depth: 1)) }
        try reader.end()
        return items
    }

    /// Splits one map with strings as its keys; of members with the same key the last counts.
    public static func map(_ bytes: ByteBuffer) throws(MessagePackError) -> [String: ByteBuffer] {
        var reader = MessagePackReader(bytes)
        guard case .map(let count) = try reader.head() else { throw reader.failure(.wrongKind) }
        var members: [String: ByteBuffer] = [:]
        for _ in 0..<count {
            let key = try reader.key()
            members[String(buffer: key)] = try reader.slice(depth: 1)
        }
        try reader.end()
        return members
    }

    /// The text of one string.
    public static func string(_ bytes: ByteBuffer) throws(MessagePackError) -> String {
        var reader = MessagePackReader(bytes)
        guard case .string(let count) = try reader.head() else { throw reader.failure(.wrongKind) }
        let text = try reader.text(count)
        try reader.end()
        return String(buffer: text)
    }

    /// The number of one integer that fits.
    public static func integer(_ bytes: ByteBuffer) throws(MessagePackError) -> Int {
        var reader = MessagePackReader(bytes)
        let head = try reader.head()
        try reader.end()
        switch head {
        case .signed(let number): return Int(number)
        case .unsigned(let number): if let number = Int(exactly: number) { return number }
        default: break
        }
        throw reader.failure(.wrongKind)
    }

    /// Whether the bytes are one nil, as JavaScript's `null` is written.
    public static func isNil(_ bytes: ByteBuffer) -> Bool { bytes.readableBytesView.elementsEqual([0xC0]) }
}
