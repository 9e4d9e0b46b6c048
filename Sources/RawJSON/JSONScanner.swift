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
struct JSONScanner {
    private let tokens: JSONTokens
    private let maxDepth: Int
    private(set) var index = 0

    init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int) {
        tokens = JSONTokens(bytes: bytes)
        self.maxDepth = maxDepth
    }

    var isAtEnd: Bool { index >= tokens.bytes.count }

    /// Whether a container may begin inside of that many others.
    func allows(depth: Int) -> Bool { depth < maxDepth }

    func error(_ reason: JSONSyntaxError.Reason) -> JSONSyntaxError { tokens.error(reason, at: index) }

    /// The byte at the cursor, or nil at the end.
    func peek() -> UInt8? { isAtEnd ? nil : tokens.bytes[index] }

    mutating func skipWhitespace() { index = tokens.endOfSpace(index) }

    mutating func expect(_ byte: UInt8) throws(JSONSyntaxError) {
        index = try tokens.end(of: byte, at: index)
    }

    /// Skips `"key" :` and the white space around the colon.
    mutating func skipKey() throws(JSONSyntaxError) { index = try tokens.endOfKey(index) }

    /// Skips the comma before a further item, or the closing byte; says whether an item follows.
    mutating func skipSeparator(close: UInt8) throws(JSONSyntaxError) -> Bool {
        skipWhitespace()
        if tokens.has(close, at: index) {
            index &+= 1
            return false
        }
        try expect(UInt8(ascii: ","))
        skipWhitespace()
        return true
    }

    /// Skips one value that begins at the cursor (no white space before it) inside `depth` containers.
    mutating func skipValue(depth: Int) throws(JSONSyntaxError) -> JSONKind {
        guard let first = peek() else { throw error(depth == 0 ? .empty : .unexpectedEnd) }
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            index = try endOfContainer(index, depth: depth)
            return first == UInt8(ascii: "{") ? .object : .array
        default:
            let (end, kind) = try tokens.endOfScalar(index, first)
            index = end
            return kind
        }
    }

    /// The index after the container that begins there. It does not recurse, so that the index stays in a register.
    private func endOfContainer(_ start: Int, depth: Int) throws(JSONSyntaxError) -> Int {
        var open = OpenContainers()
        var index = start
        while true {
            if open.isObject { index = try tokens.endOfKey(index) }
            let first = try tokens.byte(at: index)
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                guard allows(depth: depth &+ open.count) else { throw tokens.error(.tooDeep, at: index) }
                open.push(isObject: first == UInt8(ascii: "{"))
                index = tokens.endOfSpace(index &+ 1)
                if !tokens.has(open.close, at: index) { continue }
            } else {
                index = try tokens.endOfScalar(index, first).end
            }
            var next: UInt8
            repeat {
                index = tokens.endOfSpace(index)
                next = try tokens.byte(at: index)
                guard next == open.close else { break }
                index &+= 1
                open.pop()
                if open.count == 0 { return index }
            } while true
            guard next == UInt8(ascii: ",") else { throw tokens.error(.unexpectedByte, at: index) }
            index = tokens.endOfSpace(index &+ 1)
        }
    }
}

/// Which of the containers around a place are objects.
private struct OpenContainers {
    /// The innermost ones, one bit each; the lowest is the last one opened.
    private var objects: UInt64 = 0
    /// Those further out, 64 at a time.
    private var further: [UInt64] = []
    private(set) var count = 0

    var isObject: Bool { objects & 1 != 0 }
    var close: UInt8 { isObject ? UInt8(ascii: "}") : UInt8(ascii: "]") }

    mutating func push(isObject: Bool) {
        if count & 63 == 0, count > 0 { further.append(objects) }
        objects = objects &<< 1 | (isObject ? 1 : 0)
        count &+= 1
    }

    mutating func pop() {
        count &-= 1
        if count & 63 == 0, let last = further.popLast() { objects = last } else { objects &>>= 1 }
    }
}
