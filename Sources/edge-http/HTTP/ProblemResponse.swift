import HTTPTypes
import Hummingbird
import Operations
import Shared

extension Problem {
    static let internalError = Problem(
        status: .internalServerError, code: "internal-error", detail: "The gateway has made a mistake.",
        outcome: .unknown)

    /// - Parameter allowed: as in the header `Allow`.
    static func methodNotAllowed(_ allowed: String) -> Problem {
        Problem(
            status: .methodNotAllowed, code: "method-not-allowed", detail: "This path takes \(allowed).",
            headers: [.allow: allowed])
    }

    /// The problem as the answer to a request for the path `instance`.
    func response(requestID: String, instance: String) -> Response {
        var headers = headers
        headers[.contentType] = Self.contentType
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers,
            body: .init(byteBuffer: document(requestID: requestID, instance: instance)))
    }
}
