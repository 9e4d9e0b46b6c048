import HTTPTypes
import Hummingbird
import NIOCore
import Operations

/// The services' documents, and a page that shows them and sends requests. Everything comes from here, nothing from
/// elsewhere.
struct DocumentationSite: Sendable {
    /// Where the site is, without a slash at the end.
    private let path: String
    private let catalog: ServiceCatalog

    init(path: String, catalog: ServiceCatalog) {
        self.path = path
        self.catalog = catalog
    }

    /// Nil for a request that is none of the site's.
    func respond(to request: Request) throws(Problem) -> Response? {
        guard request.uri.path == path || request.uri.path.hasPrefix(path + "/") else { return nil }
        guard let (type, content) = content(String(request.uri.path.dropFirst(path.count))) else {
            return nil
        }
        guard request.method == .get || request.method == .head else {
            throw Problem.methodNotAllowed("GET, HEAD")
        }
        // Links on the page are relative to the site's folder.
        guard request.uri.path != path else {
            return Response(status: .found, headers: [.location: path + "/"])
        }
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache"]
        if type.hasPrefix("text/html") {
            headers[.contentSecurityPolicy] =
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        }
        guard request.method == .get else {
            headers[.contentLength] = String(content.readableBytes)
            return Response(status: .ok, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: content))
    }

    private func content(_ name: String) -> (type: String, ByteBuffer)? {
        switch name {
        case "", "/": return ("text/html; charset=utf-8", ByteBuffer(bytes: PackageResources.explorer_html))
        case "/explorer.js":
            return ("text/javascript; charset=utf-8", ByteBuffer(bytes: PackageResources.explorer_js))
        case "/explorer.css":
            return ("text/css; charset=utf-8", ByteBuffer(bytes: PackageResources.explorer_css))
        case "/services.json": return ("application/json", names)
        default: break
        }
        for service in catalog.current.services {
            guard let document = service.document else { continue }
            switch name {
            case "/\(service.name).json": return ("application/openapi+json", document.json)
            // RFC 9512
            case "/\(service.name).yaml": return ("application/yaml", ByteBuffer(string: document.yaml))
            default: break
            }
        }
        return nil
    }

    private var names: ByteBuffer {
        let names = catalog.current.services.filter { $0.document != nil }.map { "\"\($0.name)\"" }
        return ByteBuffer(string: "[\(names.joined(separator: ","))]")
    }
}
