public import NIOCore

/// One reply of Redis, as RESP2 has them.
public enum RESPValue: Sendable, Equatable {
    case string(ByteBuffer)
    case status(String)
    case error(String)
    case integer(Int64)
    case array([RESPValue])
    case null

    /// The text of a bulk or status reply; invalid UTF-8 is repaired. Nil for every other kind.
    public var text: String? {
        switch self {
        case .string(let bytes): String(buffer: bytes)
        case .status(let text): text
        default: nil
        }
    }

    public var bytes: ByteBuffer? { if case .string(let bytes) = self { bytes } else { nil } }

    public var integer: Int64? { if case .integer(let number) = self { number } else { nil } }

    public var items: [RESPValue]? { if case .array(let items) = self { items } else { nil } }
}

/// One argument of a command: bytes that Redis takes as they are.
public enum RedisArgument: Sendable, Equatable, ExpressibleByStringLiteral {
    case text(String)
    case bytes(ByteBuffer)

    public init(stringLiteral text: String) { self = .text(text) }

    /// The number in decimal digits.
    public init(_ number: some BinaryInteger) { self = .text(String(number)) }

    fileprivate var count: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.readableBytes
        }
    }
}

extension ByteBuffer {
    /// Appends a command as an array of bulk strings.
    ///
    /// Written here rather than by hiredis' `redisFormatCommandArgv`: that needs every argument as a C pointer at the same time and
    /// returns a `malloc` of its own, so each argument would be copied three times where this copies it once. The tests compare
    /// the two byte for byte.
    mutating func writeRedisCommand(_ arguments: [RedisArgument]) {
        reserveCapacity(minimumWritableBytes: arguments.reduce(16) { $0 + $1.count + 16 })
        writeString("*\(arguments.count)\r\n")
        for argument in arguments {
            writeString("$\(argument.count)\r\n")
            switch argument {
            case .text(let text): writeString(text)
            case .bytes(let bytes): writeImmutableBuffer(bytes)
            }
            writeStaticString("\r\n")
        }
    }
}
