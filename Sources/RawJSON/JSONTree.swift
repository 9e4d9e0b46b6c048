public import NIOCore

/// A JSON value and all that is in it, read once; scalars stay the bytes that they are.
public enum JSONTree: Sendable {
    case scalar(JSONValue)
    case array([JSONTree])
    /// In order; names may come more than once.
    case object([(name: String, value: JSONTree)])

    /// Reads exactly one JSON value (white space around it is allowed).
    public init(
        _ text: ByteBuffer, maxDepth: Int = RawJSON.defaultMaxDepth
    ) throws(JSONSyntaxError) {
        var result: Result<JSONTree, JSONSyntaxError> = .success(.array([]))
        text.withUnsafeReadableBytes { bytes in
            var reader = Reader(text: text, scanner: JSONScanner(bytes, maxDepth: maxDepth))
            result = Result { () throws(JSONSyntaxError) in try reader.whole() }
        }
        self = try result.get()
    }

    private struct Reader {
        let text: ByteBuffer
        var scanner: JSONScanner

        mutating func whole() throws(JSONSyntaxError) -> JSONTree {
            scanner.skipWhitespace()
            let tree = try value(depth: 0)
            scanner.skipWhitespace()
            guard scanner.isAtEnd else { throw scanner.error(.trailingBytes) }
            return tree
        }

        private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONTree {
            switch scanner.peek() {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            default:
                let start = scanner.index
                let kind = try scanner.skipValue(depth: depth)
                return .scalar(JSONValue(text: text.slice(start..<scanner.index), kind: kind))
            }
        }

        private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONTree {
            var members: [(name: String, value: JSONTree)] = []
            try container(depth: depth, UInt8(ascii: "{"), UInt8(ascii: "}")) {
                reader throws(JSONSyntaxError) in
                let start = reader.scanner.index
                try reader.scanner.skipKey()
                let name = reader.text.decodeKey(start..<reader.scanner.index)
                members.append((name, try reader.value(depth: depth + 1)))
            }
            return .object(members)
        }

        private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONTree {
            var items: [JSONTree] = []
            try container(depth: depth, UInt8(ascii: "["), UInt8(ascii: "]")) {
                reader throws(JSONSyntaxError) in
                items.append(try reader.value(depth: depth + 1))
            }
            return .array(items)
        }

        private mutating func container(
            depth: Int, _ open: UInt8, _ close: UInt8, item: (inout Reader) throws(JSONSyntaxError) -> Void
        ) throws(JSONSyntaxError) {
            guard scanner.allows(depth: depth) else { throw scanner.error(.tooDeep) }
            try scanner.expect(open)
            scanner.skipWhitespace()
            guard scanner.peek() != close else { return try scanner.expect(close) }
            var more = true
            while more {
                try item(&self)
                more = try scanner.skipSeparator(close: close)
            }
        }
    }
}
