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
        self.init(try JSONTree(text, maxDepth: maxDepth))
    }

    private init(_ tree: JSONTree) {
        switch tree {
        case .array(let items): self = .array(items.map { JSONNode($0) })
        case .object(let members):
            self = .object(
                Dictionary(
                    members.map { ($0.name, JSONNode($0.value)) }, uniquingKeysWith: { _, last in last }))
        case .scalar(let value):
            switch value.kind {
            case .bool: self = .bool(value.bool == true)
            case .number: self = .number(JSONNumber(String(buffer: value.text)))
            case .string: self = .string(value.string ?? "")
            case .null, .array, .object: self = .null
            }
        }
    }

    public var object: [String: JSONNode]? {
        if case .object(let members) = self { members } else { nil }
    }

    public var array: [JSONNode]? {
        if case .array(let items) = self { items } else { nil }
    }

    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// A number without a fraction that is not below 0 and not too large to count with.
    public var count: Int? {
        if case .number(let number) = self { number.count } else { nil }
    }

    public subscript(key: String) -> JSONNode? { object?[key] }

    /// The value that a JSON Pointer (RFC 6901) names, by its decoded tokens.
    public subscript(tokens: some Sequence<String>) -> JSONNode? {
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
