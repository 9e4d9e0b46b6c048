import HTTPTypes
import Hummingbird
import Operations

extension Problem {
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
