import HTTPTypes
import Hummingbird

/// Which pages may call the API from a browser (the CORS protocol of the Fetch standard).
struct CORSPolicy: Sendable {
    private let origins: Set<String>
    private let allowsEvery: Bool

    /// - Parameter origins: each `scheme://host[:port]` as browsers send it, or `*`.
    init(origins: [String]) {
        self.origins = Set(origins)
        allowsEvery = origins.contains("*")
    }

    /// The answer to a preflight request, or nil when the request is none.
    func preflight(_ request: HTTPRequest, allowedMethods: [String]) -> Response? {
        guard request.method == .options, request.headerFields[.origin] != nil,
            request.headerFields[.accessControlRequestMethod] != nil
        else { return nil }
        var response = Response(status: .noContent)
        if isAllowed(request.headerFields[.origin]) {
            response.headers[.accessControlAllowMethods] = allowedMethods.joined(separator: ", ")
            response.headers[.accessControlAllowHeaders] =
                request.headerFields[.accessControlRequestHeaders] ?? "content-type"
            response.headers[.accessControlMaxAge] = "600"
        }
        response.headers[.vary] = "Origin, Access-Control-Request-Headers"
        return response
    }

    /// Adds to an answer, an error's as well, what lets the page read it.
    func apply(to response: inout Response, origin: String?) {
        guard !origins.isEmpty else { return }
        if !allowsEvery, response.headers[.vary] == nil { response.headers[.vary] = "Origin" }
        guard let origin, isAllowed(origin) else { return }
        response.headers[.accessControlAllowOrigin] = allowsEvery ? "*" : origin
        if !allowsEvery { response.headers[.accessControlAllowCredentials] = "true" }
        response.headers[.accessControlExposeHeaders] =
            "x-request-id, retry-after, location, idempotent-replayed, preference-applied, "
            + "www-authenticate, ratelimit, ratelimit-policy, age, cache-status"
    }

    private func isAllowed(_ origin: String?) -> Bool {
        guard let origin else { return false }
        return allowsEvery || origins.contains(origin)
    }
}
