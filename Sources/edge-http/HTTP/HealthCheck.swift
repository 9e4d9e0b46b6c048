import HTTPTypes
import Hummingbird
import NIOCore

/// What a load balancer asks on the public port: whether this replica is to get requests. It says no more than that.
struct HealthCheck: Sendable {
    static let path = "/healthz"

    let isReady: @Sendable () -> Bool

    func response(to method: HTTPRequest.Method) -> Response {
        guard method == .get || method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        let isReady = isReady()
        let body = method == .head ? ByteBuffer() : ByteBuffer(string: isReady ? "ok\n" : "unavailable\n")
        return Response(
            status: isReady ? .ok : .serviceUnavailable,
            headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: body))
    }
}
