public import NIOCore
import RawJSON

/// A JSON value, decoded. Of members with the same name the last counts, as in ECMAScript's `JSON.parse`.
public enum JSONNode: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONNode])
    case object([String: JSONNode])

    /// Reads one JSON value.
    ///
    /// - Throws: `JSONSyntaxError`.
    public init(_ text: ByteBuffer, maxDepth: Int = 64) throws {
        let kind = try RawJSON.validate(text, maxDepth: maxDepth)
        try self.init(JSONValue(text: RawJSON.trimmed(text), kind: kind), maxDepth: maxDepth)
    }

    private init(_ value: JSONValue, maxDepth: Int) throws {
        switch value.kind {
        case .null: self = .null
        case .bool: self = .bool(value.bool == true)
        case .number: self = .number(JSONNumber(String(buffer: value.text)))
        case .string: self = .string(value.string ?? "")
        case .array:
            self = .array(
                try RawJSON.array(value.text, maxDepth: maxDepth).map {
                    try JSONNode($0, maxDepth: maxDepth - 1)
                })
        case .object:
            var members: [String: JSONNode] = [:]
            for member in try RawJSON.object(value.text, maxDepth: maxDepth).members {
                members[member.key] = try JSONNode(
                    JSONValue(text: member.value, kind: member.kind), maxDepth: maxDepth - 1)
            }
            self = .object(members)
        }
    }

    var object: [String: JSONNode]? {
        if case .object(let members) = self { members } else { nil }
    }

    var array: [JSONNode]? {
        if case .array(let items) = self { items } else { nil }
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A number without a fraction that is not below 0 and not too large to count with.
    var count: Int? {
        if case .number(let number) = self { number.count } else { nil }
    }

    subscript(key: String) -> JSONNode? { object?[key] }

    /// The value that a JSON Pointer (RFC 6901) names, by its decoded tokens.
    subscript(tokens: some Sequence<String>) -> JSONNode? {
        var node = self
        for token in tokens {
            switch node {
            case .object(let members):
                guard let member = members[token] else { return nil }
                node = member
            case .array(let items):
                guard let index = Int(token), items.indices.contains(index) else { return nil }
                node = items[index]
            default: return nil
            }
        }
        return node
    }
}

/// JSON Pointers (RFC 6901).
enum JSONPointer {
    static func text(_ tokens: some Sequence<String>) -> String {
        tokens.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
    }

    /// Nil when the text is no pointer.
    static func tokens(_ text: String) -> [String]? {
        guard !text.isEmpty else { return [] }
        guard text.hasPrefix("/") else { return nil }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0).replacing("~1", with: "/").replacing("~0", with: "~") }
    }
}
