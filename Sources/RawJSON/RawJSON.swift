public import NIOCore

/// Checks and slices JSON text without decoding it, so that a value is forwarded as the bytes it already is.
public enum RawJSON {
    /// How many containers may be nested where a caller names no limit of its own.
    public static let defaultMaxDepth = 64

    /// Checks that the readable bytes are exactly one JSON value (white space around it is allowed).
    ///
    /// - Returns: what the value is.
    /// - Throws: ``JSONSyntaxError`` with the offset from the reader index.
    @discardableResult
    public static func validate(
        _ text: ByteBuffer, maxDepth: Int = defaultMaxDepth
    ) throws(JSONSyntaxError) -> JSONKind {
        var result: Result<JSONKind, JSONSyntaxError> = .success(.null)
        text.withUnsafeReadableBytes { bytes in
            result = Result { () throws(JSONSyntaxError) in try validate(bytes, maxDepth: maxDepth) }
        }
        return try result.get()
    }

    /// Checks that `bytes` are exactly one JSON value (white space around it is allowed).
    public static func validate(
        _ bytes: UnsafeRawBufferPointer, maxDepth: Int
    ) throws(JSONSyntaxError) -> JSONKind {
        var scanner = JSONScanner(bytes, maxDepth: maxDepth)
        scanner.skipWhitespace()
        let kind = try scanner.skipValue(depth: 0)
        scanner.skipWhitespace()
        guard scanner.isAtEnd else { throw scanner.error(.trailingBytes) }
        return kind
    }

    /// The text without the white space around its value; the storage is shared, not copied.
    public static func trimmed(_ text: ByteBuffer) -> ByteBuffer {
        let view = text.readableBytesView
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
        guard let first = view.firstIndex(where: { !isSpace($0) }),
            let last = view.lastIndex(where: { !isSpace($0) })
        else { return ByteBuffer() }
        return ByteBuffer(view[first...last])
    }

    /// Splits one JSON object into its members, in order; values are slices of `text` (nothing is copied or decoded).
    ///
    /// - Throws: ``JSONSyntaxError`` when the text is not one well-formed object.
    public static func object(
        _ text: ByteBuffer, maxDepth: Int = defaultMaxDepth
    ) throws(JSONSyntaxError) -> JSONObject {
        var members: [JSONObject.Member] = []
        // Most objects that are split here are small; growing one by one costs more.
        members.reserveCapacity(8)
        try split(text, open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), maxDepth: maxDepth) {
            key, value, kind in
            members.append(.init(key: text.decodeKey(key), value: text.slice(value), kind: kind))
        }
        return JSONObject(members: members)
    }

    /// Splits one JSON array into its items; each is a slice of `text`.
    ///
    /// - Throws: ``JSONSyntaxError`` when the text is not one well-formed array.
    public static func array(
        _ text: ByteBuffer, maxDepth: Int = defaultMaxDepth
    ) throws(JSONSyntaxError) -> [JSONValue] {
        var items: [JSONValue] = []
        try split(text, open: UInt8(ascii: "["), close: UInt8(ascii: "]"), maxDepth: maxDepth) {
            _, value, kind in
            items.append(JSONValue(text: text.slice(value), kind: kind))
        }
        return items
    }

    private static func split(
        _ text: ByteBuffer, open: UInt8, close: UInt8, maxDepth: Int,
        item: (_ key: Range<Int>, _ value: Range<Int>, JSONKind) -> Void
    ) throws(JSONSyntaxError) {
        var failure: JSONSyntaxError?
        text.withUnsafeReadableBytes { bytes in
            var scanner = JSONScanner(bytes, maxDepth: maxDepth)
            do throws(JSONSyntaxError) {
                scanner.skipWhitespace()
                guard let first = scanner.peek() else { throw scanner.error(.empty) }
                guard first == open else { throw scanner.error(.wrongKind) }
                guard maxDepth > 0 else { throw scanner.error(.tooDeep) }
                try scanner.expect(open)
                scanner.skipWhitespace()
                var more = scanner.peek() != close
                if !more { try scanner.expect(close) }
                while more {
                    let keyStart = scanner.index
                    var keyEnd = keyStart
                    if open == UInt8(ascii: "{") {
                        try scanner.skipKey()
                        keyEnd = scanner.index
                    }
                    let valueStart = scanner.index
                    let kind = try scanner.skipValue(depth: 1)
                    item(keyStart..<keyEnd, valueStart..<scanner.index, kind)
                    more = try scanner.skipSeparator(close: close)
                }
                scanner.skipWhitespace()
                guard scanner.isAtEnd else { throw scanner.error(.trailingBytes) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

/// One JSON value as the bytes it is, and what kind it is.
public struct JSONValue: Sendable, Equatable {
    public let text: ByteBuffer
    public let kind: JSONKind

    /// - Parameter text: exactly one value of that kind, which the caller has checked.
    public init(text: ByteBuffer, kind: JSONKind) {
        self.text = text
        self.kind = kind
    }

    /// The decoded string, or nil when the value is not a string.
    public var string: String? {
        guard kind == .string else { return nil }
        let (bytes, quote) = (text.readableBytesView, UInt8(ascii: "\""))
        let isBare = bytes.count > 1 && bytes.first == quote && bytes.last == quote
        return isBare ? text.decodedStringLiteral() : text.decodedJSONString()
    }

    /// The integer, or nil when the value is no number, has a fraction or exponent, or does not fit.
    public var integer: Int? { kind == .number ? Int(String(buffer: text)) : nil }

    public var bool: Bool? { kind == .bool ? text.readableBytesView.first == UInt8(ascii: "t") : nil }
}

/// The members of one JSON object, as slices of its text and in its order.
public struct JSONObject: Sendable {
    public struct Member: Sendable {
        public let key: String
        public let value: ByteBuffer
        public let kind: JSONKind
    }

    public let members: [Member]

    public init(members: [Member]) { self.members = members }

    /// The value of a member; of members with the same name the last counts, as in ECMAScript's `JSON.parse`.
    public subscript(key: String) -> JSONValue? {
        // By index, so that no member is copied before it is the right one.
        for index in members.indices.reversed() where members[index].key == key {
            return JSONValue(text: members[index].value, kind: members[index].kind)
        }
        return nil
    }
}

extension ByteBuffer {
    /// The bytes of a range counted from the reader index, which the caller took from a scan of this buffer.
    func slice(_ range: Range<Int>) -> ByteBuffer {
        getSlice(at: readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    /// Decodes the key out of `"key" :` with whatever white space follows it.
    func decodeKey(_ range: Range<Int>) -> String {
        let quote = withUnsafeReadableBytes { $0[range].lastIndex(of: UInt8(ascii: "\"")) }
        return slice(range.lowerBound..<(quote ?? range.upperBound - 1) + 1).decodedStringLiteral()
    }
}
