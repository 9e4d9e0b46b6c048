/// What a JSON value is (RFC 8259 §3).
public enum JSONKind: Sendable, Equatable {
    case object, array, string, number, bool, null
}

/// Why a text is not one well-formed JSON value, and the byte offset at which that shows.
public struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case empty = "no value"
        case unexpectedByte = "unexpected byte"
        case unexpectedEnd = "unexpected end of text"
        case tooDeep = "nested too deeply"
        case invalidUTF8 = "invalid UTF-8"
        case invalidEscape = "invalid escape sequence"
        case controlCharacter = "unescaped control character in a string"
        case invalidNumber = "invalid number"
        case trailingBytes = "more bytes after the value"
        case wrongKind = "not the kind of value that is required here"
    }

    public let reason: Reason
    public let offset: Int

    public var description: String { "\(reason.rawValue) at byte \(offset)" }
}

/// A cursor over JSON text that checks well-formedness (RFC 8259) and finds the extent of values, and decodes nothing.
///
/// It accepts exactly the RFC's grammar in valid UTF-8 (RFC 3629), nested no deeper than `maxDepth` containers.
/// Recursion is bounded by `maxDepth`, which callers keep small.
struct JSONScanner {
    private let bytes: UnsafeRawBufferPointer
    private let maxDepth: Int
    private(set) var index = 0

    init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int) {
        self.bytes = bytes
        self.maxDepth = maxDepth
    }

    var isAtEnd: Bool { index >= bytes.count }

    /// Whether a container may begin inside of that many others.
    func allows(depth: Int) -> Bool { depth < maxDepth }

    func error(_ reason: JSONSyntaxError.Reason, at offset: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(reason: reason, offset: offset ?? index)
    }

    /// The byte at the cursor, or nil at the end.
    func peek() -> UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func skipWhitespace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index &+= 1
            default: return
            }
        }
    }

    mutating func expect(_ byte: UInt8) throws(JSONSyntaxError) {
        guard let next = peek() else { throw error(.unexpectedEnd) }
        guard next == byte else { throw error(.unexpectedByte) }
        index &+= 1
    }

    /// Skips one value that begins at the cursor (no white space before it) inside `depth` containers.
    mutating func skipValue(depth: Int) throws(JSONSyntaxError) -> JSONKind {
        guard let first = peek() else { throw error(depth == 0 ? .empty : .unexpectedEnd) }
        switch first {
        case UInt8(ascii: "{"):
            try skipContainer(depth: depth, close: UInt8(ascii: "}"), keyed: true)
            return .object
        case UInt8(ascii: "["):
            try skipContainer(depth: depth, close: UInt8(ascii: "]"), keyed: false)
            return .array
        case UInt8(ascii: "\""):
            try skipString()
            return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try skipNumber()
            return .number
        case UInt8(ascii: "t"):
            try skipLiteral("true")
            return .bool
        case UInt8(ascii: "f"):
            try skipLiteral("false")
            return .bool
        case UInt8(ascii: "n"):
            try skipLiteral("null")
            return .null
        default:
            throw error(.unexpectedByte)
        }
    }

    private mutating func skipContainer(
        depth: Int, close: UInt8, keyed: Bool
    ) throws(JSONSyntaxError) {
        guard depth < maxDepth else { throw error(.tooDeep) }
        index &+= 1
        skipWhitespace()
        if peek() == close {
            index &+= 1
            return
        }
        while true {
            if keyed { try skipKey() }
            _ = try skipValue(depth: depth + 1)
            if try !skipSeparator(close: close) { return }
        }
    }

    /// Skips `"key" :` and the white space around the colon.
    mutating func skipKey() throws(JSONSyntaxError) {
        guard let quote = peek() else { throw error(.unexpectedEnd) }
        guard quote == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
        try skipString()
        skipWhitespace()
        try expect(UInt8(ascii: ":"))
        skipWhitespace()
    }

    /// Skips the comma before a further item, or the closing byte; says whether an item follows.
    mutating func skipSeparator(close: UInt8) throws(JSONSyntaxError) -> Bool {
        skipWhitespace()
        guard let next = peek() else { throw error(.unexpectedEnd) }
        if next == close {
            index &+= 1
            return false
        }
        try expect(UInt8(ascii: ","))
        skipWhitespace()
        return true
    }

    private mutating func skipLiteral(_ literal: StaticString) throws(JSONSyntaxError) {
        for offset in 0..<literal.utf8CodeUnitCount {
            try expect(literal.utf8Start[offset])
        }
    }

    private mutating func skipNumber() throws(JSONSyntaxError) {
        let start = index
        if peek() == UInt8(ascii: "-") { index &+= 1 }
        if peek() == UInt8(ascii: "0") {
            index &+= 1
        } else {
            try skipDigits(start)
        }
        if peek() == UInt8(ascii: ".") {
            index &+= 1
            try skipDigits(start)
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            index &+= 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { index &+= 1 }
            try skipDigits(start)
        }
        if let next = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
            throw error(.invalidNumber, at: start)  // a leading zero
        }
    }

    private mutating func skipDigits(_ start: Int) throws(JSONSyntaxError) {
        let first = index
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 { index &+= 1 }
        guard index > first else { throw error(.invalidNumber, at: start) }
    }

    private mutating func skipString() throws(JSONSyntaxError) {
        index &+= 1
        while true {
            skipPlainText()
            guard let byte = peek() else { throw error(.unexpectedEnd) }
            switch byte {
            case UInt8(ascii: "\""):
                index &+= 1
                return
            case UInt8(ascii: "\\"): try skipEscape()
            case 0..<0x20: throw error(.controlCharacter)
            default: try skipMultibyteScalar()
            }
        }
    }

    /// Skips ASCII text that needs no second look, eight bytes at a time: string contents are most of a payload.
    private mutating func skipPlainText() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let special =
                (word &- (ones &* 0x20)) & ~word | (quote &- ones) & ~quote
                | (backslash &- ones) & ~backslash | word
            if special & highs != 0 { break }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return }
            index &+= 1
        }
    }

    private mutating func skipEscape() throws(JSONSyntaxError) {
        let start = index
        index &+= 1
        guard let escaped = peek() else { throw error(.unexpectedEnd) }
        index &+= 1
        switch escaped {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard let digit = peek() else { throw error(.unexpectedEnd) }
                guard hexValue(digit) != nil else { throw error(.invalidEscape, at: start) }
                index &+= 1
            }
        default:
            throw error(.invalidEscape, at: start)
        }
    }

    /// Skips one scalar of two to four bytes.
    private mutating func skipMultibyteScalar() throws(JSONSyntaxError) {
        guard let lead = UTF8Lead(bytes[index]) else { throw error(.invalidUTF8) }
        let length = 1 + Int(lead.following)
        guard index &+ length <= bytes.count, lead.next.contains(bytes[index &+ 1]) else {
            throw error(.invalidUTF8)
        }
        for offset in 2..<max(2, length) where bytes[index &+ offset] & 0xC0 != 0x80 {
            throw error(.invalidUTF8)
        }
        index &+= length
    }
}

/// The value of an ASCII hexadecimal digit.
func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}
