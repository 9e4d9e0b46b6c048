/// Finds the route of a request. Immutable, so that a reload swaps one whole table for another.
public struct RouteTable: Sendable {
    public enum Match {
        case route(Route)
        /// The path exists under other methods, which the `Allow` header has to name (RFC 9110 §15.5.6).
        case methodNotAllowed(allowed: [String])
        case notFound
    }

    private let byPath: [String: [Route]]

    public init(_ services: [ServiceDefinition]) {
        byPath = Dictionary(grouping: services.flatMap(\.routes), by: \.path)
    }

    /// Compares the whole path; one trailing slash is allowed, as the Express router of the replaced gateway did.
    public func match(method: String, path: String) -> Match {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let routes = byPath[path] else { return .notFound }
        if let route = routes.first(where: { $0.method == method }) { return .route(route) }
        return .methodNotAllowed(allowed: routes.map(\.method).sorted() + ["OPTIONS"])
    }

    /// One sentence for each method and path that is described twice.
    static func conflicts(_ services: [ServiceDefinition]) -> [String] {
        Dictionary(grouping: services.flatMap(\.routes)) { "\($0.method) \($0.path)" }
            .filter { $0.value.count > 1 }.keys.sorted()
            .map { "\($0) is described more than once" }
    }
}
