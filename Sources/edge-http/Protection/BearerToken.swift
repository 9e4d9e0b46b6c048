import Authentication
import HTTPTypes
import Operations

/// Who sends a request, by its `Authorization: Bearer` (RFC 6750).
enum BearerToken {
    /// Nil when nobody has to say who they are.
    ///
    /// - Parameter now: milliseconds since 1970.
    static func caller(
        _ headers: HTTPFields, authenticator: Authenticator?, now: Int64
    ) throws(Problem) -> Caller? {
        guard let authenticator else { return nil }
        do {
            return try authenticator.caller(
                of: Authenticator.bearerToken(headers[.authorization]), now: now)
        } catch {
            throw problem(error)
        }
    }

    static func problem(_ fault: TokenFault) -> Problem {
        // A client that did not know that it needs a token has made no error (RFC 6750 §3.1).
        let challenge =
            fault == .missing
            ? "Bearer" : "Bearer error=\"invalid_token\", error_description=\"\(fault.message)\""
        return Problem(
            status: .unauthorized, code: fault.code, detail: fault.message,
            headers: [.wwwAuthenticate: challenge])
    }
}
