import HTTPTypes
public import NIOCore
import RawJSON

/// What a request must be before anything is sent for it. Each rule throws the ``Problem`` that the client gets.
public enum RequestRules {
    public static func tooLarge(limit: Int) -> Problem {
        // The rest of such a body is not worth reading.
        Problem(
            status: .contentTooLarge, code: "body-too-large",
            detail: "The body is larger than \(limit) bytes.", headers: [.connection: "close"])
    }

    /// One JSON object, without the white space around it: services see a first byte of `{` (Kafka contract §3).
    public static func body(_ bytes: ByteBuffer, maxDepth: Int) throws(Problem) -> ByteBuffer {
        let kind: JSONKind
        do {
            kind = try RawJSON.validate(bytes, maxDepth: maxDepth)
        } catch {
            throw Problem(
                status: .badRequest, code: "malformed-json", detail: "The body is not valid JSON: \(error).")
        }
        guard kind == .object else {
            throw Problem(
                status: .unprocessableContent, code: "not-an-object",
                detail: "The body must be one JSON object.",
                faults: [.init(pointer: "", detail: "must be an object")])
        }
        return RawJSON.trimmed(bytes)
    }
}
