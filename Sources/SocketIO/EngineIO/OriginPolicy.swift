import NIOCore
import NIOHTTP1

/// Which pages may use the server from a browser.
struct OriginPolicy: Sendable {
    private let origins: Set<String>

    init(_ origins: [String]) { self.origins = Set(origins) }

    /// The headers that every answer to this request gets, errors as well (the CORS protocol of the Fetch standard).
    func headers(for request: HTTPRequestHead) -> HTTPHeaders {
        var headers = HTTPHeaders()
        guard !origins.isEmpty else { return headers }
        if origins.contains("*") {
            headers.add(name: "access-control-allow-origin", value: "*")
        } else {
            headers.add(name: "vary", value: "Origin")
            if let origin = request.headers.first(name: "origin"), origins.contains(origin) {
                headers.add(name: "access-control-allow-origin", value: origin)
                headers.add(name: "access-control-allow-credentials", value: "true")
            }
        }
        guard request.method == .OPTIONS else { return headers }
        headers.add(name: "access-control-allow-methods", value: "GET,HEAD,PUT,PATCH,POST,DELETE")
        if let asked = request.headers.first(name: "access-control-request-headers") {
            headers.add(name: "vary", value: "Access-Control-Request-Headers")
            headers.add(name: "access-control-allow-headers", value: asked)
        }
        return headers
    }

    /// Whether the header `Origin` has only characters that a header may have (RFC 9110, §5.5).
    func isReadable(_ request: HTTPRequestHead) -> Bool {
        request.headers.first(name: "origin")?.utf8
            .allSatisfy { $0 == UInt8(ascii: "\t") || $0 >= 0x20 && $0 != 0x7F } ?? true
    }

    /// CORS does not guard WebSockets, so the origin is checked before the upgrade.
    func allowsWebSocket(_ request: HTTPRequestHead) -> Bool {
        guard let origin = request.headers.first(name: "origin") else { return true }
        if origins.contains("*") || origins.contains(origin) { return true }
        guard let host = request.headers.first(name: "host") else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }
}
