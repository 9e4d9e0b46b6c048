import HTTPTypes
import Operations
import Shared

extension RequestRules {
    static let requestIDField = field("x-request-id")
    static let idempotencyKeyField = field("idempotency-key")
    static let preferField = field("prefer")
    static let preferenceAppliedField = field("preference-applied")
    static let replayedField = field("idempotent-replayed")
    static let cacheStatusField = field("cache-status")
    static let forwardedForField = field("x-forwarded-for")
    private static let traceParentField = field(TraceContext.parentField)
    private static let traceStateField = field(TraceContext.stateField)

    /// The caller's request id where it is short and harmless in logs and headers, else `fallback`.
    static func requestID(_ headers: HTTPFields, fallback: String) -> String {
        guard let given = headers[requestIDField], (1...128).contains(given.utf8.count),
            given.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:+/=".contains($0)) }),
            !CardNumber.isIn(given)
        else { return fallback }
        return given
    }

    /// The trace that the caller's request belongs to; several fields of state are one (W3C Trace Context §3.3.1).
    static func trace(_ headers: HTTPFields) -> TraceContext? {
        guard let parent = headers[traceParentField] else { return nil }
        return TraceContext(parent: parent, state: headers[traceStateField])
    }

    /// The entries of `X-Forwarded-For`, in order; of several fields as of one, without empty ones (RFC 9110 §5.3, §5.6.1).
    static func forwardedFor(_ headers: HTTPFields) -> [String] {
        headers[values: forwardedForField].flatMap { $0.split(separator: ",") }
            .map { String($0.trimmed) }.filter { !$0.isEmpty }
    }

    /// Only JSON in UTF-8, not compressed (RFC 9110 §15.5.16).
    static func checkContentType(_ headers: HTTPFields) throws(Problem) {
        func unsupported(_ detail: String) -> Problem {
            Problem(status: .unsupportedMediaType, code: "unsupported-media-type", detail: detail)
        }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw unsupported("Content-Encoding '\(encoding)' is not supported; send the body as it is.")
        }
        guard let type = headers[.contentType] else {
            throw unsupported("Content-Type is missing; send application/json.")
        }
        guard type != "application/json" else { return }
        let parts = type.lowercased().split(separator: ";").map { $0.trimmed }
        guard parts.first == "application/json" else {
            throw unsupported("Content-Type '\(type)' is not supported; send application/json.")
        }
        for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
            let charset = parameter.dropFirst("charset=".count).filter { $0 != "\"" }
            guard charset == "utf-8" || charset == "utf8" else {
                throw unsupported("JSON is UTF-8 (RFC 8259 §8.1); charset '\(charset)' is not supported.")
            }
        }
    }

    /// The client must take JSON (RFC 9110 §12.5.1).
    static func checkAccept(_ headers: HTTPFields) throws(Problem) {
        guard let accept = headers[.accept], accept != "*/*" else { return }
        let acceptable = accept.lowercased().split(separator: ",").contains { range in
            let parts = range.split(separator: ";").map { $0.trimmed }
            let refused = parts.dropFirst().contains { parameter in
                parameter.hasPrefix("q=") && Double(parameter.dropFirst(2)) == 0
            }
            return !refused && ["*/*", "application/*", "application/json"].contains(parts.first)
        }
        guard acceptable else {
            throw Problem(
                status: .notAcceptable, code: "not-acceptable",
                detail: "The answer is application/json, which Accept '\(accept)' does not take.")
        }
    }

    /// The key, bare or as a quoted string (draft-ietf-httpapi-idempotency-key-header §2.1), at most 255 characters.
    static func idempotencyKey(_ headers: HTTPFields) throws(Problem) -> String? {
        guard let field = headers[idempotencyKeyField] else { return nil }
        let isQuoted = field.count >= 2 && field.hasPrefix("\"") && field.hasSuffix("\"")
        let key = isQuoted ? String(field.dropFirst().dropLast()) : field
        guard (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 })
        else {
            throw Problem(
                status: .badRequest, code: "bad-idempotency-key",
                detail: "Idempotency-Key must be 1 to 255 visible ASCII characters, bare or in quotes.")
        }
        return key
    }

    private static func field(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
        return field
    }
}

extension Substring {
    var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
