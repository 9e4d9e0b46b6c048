import NIOCore
import RawJSON
import Yams

/// YAML as JSON text, members in their order. Scalars are read by the JSON schema of YAML 1.2, so that `no` is a text.
enum YAMLDocument {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// Bytes of JSON. Aliases of aliases would make a few lines as long as they like.
    static let defaultMaxBytes = 16 << 20

    /// - Throws: ``Fault``, or `YamlError` when the text is no YAML.
    static func json(_ yaml: String, maxBytes: Int = defaultMaxBytes) throws -> ByteBuffer {
        guard let node = try Yams.compose(yaml: yaml, .basic) else {
            throw Fault(description: "the document is empty")
        }
        var buffer = ByteBuffer()
        try write(node, to: &buffer, depth: 0, maxBytes: maxBytes)
        return buffer
    }

    private static func write(_ node: Node, to buffer: inout ByteBuffer, depth: Int, maxBytes: Int) throws {
        guard depth < RawJSON.defaultMaxDepth else { throw Fault(description: "it is nested too deeply") }
        guard buffer.readableBytes < maxBytes else {
            throw Fault(description: "it is too long with its aliases")
        }
        switch node {
        case .mapping(let mapping):
            buffer.writeStaticString("{")
            for (index, (key, value)) in mapping.enumerated() {
                guard let name = key.scalar?.string else { throw Fault(description: "a key is no text") }
                if index > 0 { buffer.writeStaticString(",") }
                buffer.writeJSONString(name)
                buffer.writeStaticString(":")
                try write(value, to: &buffer, depth: depth + 1, maxBytes: maxBytes)
            }
            buffer.writeStaticString("}")
        case .sequence(let sequence):
            buffer.writeStaticString("[")
            for (index, item) in sequence.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                try write(item, to: &buffer, depth: depth + 1, maxBytes: maxBytes)
            }
            buffer.writeStaticString("]")
        case .scalar(let scalar): write(scalar, to: &buffer)
        case .alias: throw Fault(description: "an alias is left without its anchor")
        }
    }

    private static func write(_ scalar: Node.Scalar, to buffer: inout ByteBuffer) {
        guard scalar.style == .plain || scalar.style == .any else {
            return buffer.writeJSONString(scalar.string)
        }
        switch scalar.string {
        case "", "~", "null": buffer.writeStaticString("null")
        case "true", "false": buffer.writeString(scalar.string)
        default:
            let text = ByteBuffer(string: scalar.string)
            if (try? RawJSON.validate(text)) == .number {
                buffer.writeImmutableBuffer(text)
            } else {
                buffer.writeJSONString(scalar.string)
            }
        }
    }
}
