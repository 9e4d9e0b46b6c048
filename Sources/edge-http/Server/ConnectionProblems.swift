import HTTPTypes
import NIOHTTP1
import Operations

extension Problem {
    static let headerTimeout = Problem(
        status: .requestTimeout, code: "request-timeout",
        detail: "The request's header was not complete in time.")
    static let bodyTimeout = Problem(
        status: .requestTimeout, code: "request-timeout",
        detail: "The request's body was not complete in time.")
    static let wrongHost = malformed("A request has exactly one Host header (RFC 9112 §3.2).")

    /// What was read is no HTTP.
    static func notHTTP(_ error: any Error) -> Problem {
        switch error {
        case HTTPParserError.headerOverflow:
            Problem(
                status: .requestHeaderFieldsTooLarge, code: "header-too-large",
                detail: "The request's header is too large.")
        case let error as HTTPParserError: malformed("The request is no HTTP: \(error).")
        default: malformed("The request is no HTTP.")
        }
    }

    private static func malformed(_ detail: String) -> Problem {
        Problem(status: .badRequest, code: "malformed-request", detail: detail)
    }
}
