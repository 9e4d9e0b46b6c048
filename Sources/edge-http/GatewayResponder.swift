import Authentication
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Operations
import Shared
import Synchronization

/// Answers every request on the public port: finds the route, checks the request, sends it to the bridge, and renders
/// what came of it.
final class GatewayResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    struct Limits: Sendable {
        let body: Int
        let depth: Int
        let inFlight: Int
    }

    private let catalog: ServiceCatalog
    private let cors: CORSPolicy
    private let limits: Limits
    /// The demo page, where there is one.
    private let page: ByteBuffer?
    private let documentation: DocumentationSite?
    private let authenticator: Authenticator?
    private let send: @Sendable (BridgeRequest) async -> BridgeOutcome
    private let logger: Logger
    private let inFlight = Atomic(0)

    init(
        catalog: ServiceCatalog, cors: CORSPolicy, limits: Limits, page: ByteBuffer?,
        documentation: DocumentationSite? = nil,
        authenticator: Authenticator? = nil, logger: Logger,
        send: @escaping @Sendable (BridgeRequest) async -> BridgeOutcome
    ) {
        self.catalog = catalog
        self.cors = cors
        self.limits = limits
        self.page = page
        self.documentation = documentation
        self.authenticator = authenticator
        self.logger = logger
        self.send = send
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        let start = ContinuousClock.now
        let id = BridgeRequestID.random()
        let requestID = RequestRules.requestID(request.headers, fallback: id.description)
        let path = CardNumber.masked(request.uri.path)
        var response: Response
        do {
            response = try await answer(request, id: id, requestID: requestID)
        } catch let problem as Problem {
            response = problem.response(requestID: requestID, instance: path)
        }
        response.headers[RequestRules.requestIDField] = requestID
        cors.apply(to: &response, origin: request.headers[.origin])
        logger.log(
            level: response.status.code >= 500 ? .warning : .debug, "request",
            metadata: [
                "method": "\(request.method.rawValue)", "path": "\(path)",
                "status": "\(response.status.code)", "requestId": "\(requestID)",
                "durationMs": "\((ContinuousClock.now - start).milliseconds)",
            ])
        return response
    }

    private func answer(_ request: Request, id: BridgeRequestID, requestID: String) async throws -> Response {
        if let page, request.uri.path == "/", request.method == .get {
            return Response(
                status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
                body: .init(byteBuffer: page))
        }
        if let response = documentation?.respond(to: request) { return response }
        switch catalog.current.routes.match(method: request.method.rawValue, path: request.uri.path) {
        case .notFound:
            throw Problem(
                status: .notFound, code: "unknown-route", detail: "No operation has this path.")
        case .methodNotAllowed(let allowed):
            if let preflight = cors.preflight(request.head, allowedMethods: allowed) { return preflight }
            let list = allowed.joined(separator: ", ")
            if request.method == .options { return Response(status: .noContent, headers: [.allow: list]) }
            throw Problem(
                status: .methodNotAllowed, code: "method-not-allowed",
                detail: "This path takes \(list).", headers: [.allow: list])
        case .route(let route):
            let count = inFlight.add(1, ordering: .relaxed).newValue
            defer { inFlight.subtract(1, ordering: .relaxed) }
            guard count <= limits.inFlight else {
                throw OperationOutcome.unavailable(
                    code: "too-many-requests-in-flight",
                    detail: "The gateway is working on \(limits.inFlight) requests already.", retryAfter: 1)
            }
            return try await forward(request, to: route, id: id, requestID: requestID)
        }
    }

    private func forward(
        _ request: Request, to route: Route, id: BridgeRequestID, requestID: String
    ) async throws -> Response {
        let caller = try BearerToken.caller(
            request.headers, authenticator: authenticator, now: WallClock.millisecondsSince1970())
        try RequestRules.checkAccept(request.headers)
        try RequestRules.checkContentType(request.headers)
        let idempotencyKey = try RequestRules.idempotencyKey(request.headers)
        let body = try RequestRules.body(try await collect(request), maxDepth: limits.depth)
        if let caller {
            try RequestRules.checkUser(body, is: caller.userID, maxDepth: limits.depth)
        }
        try RequestRules.check(body, for: route, maxDepth: limits.depth)
        var further: [(name: String, value: String)] = []
        if let idempotencyKey { further.append(("idempotency-key", idempotencyKey)) }
        for field in RequestRules.traceFields {
            if let value = request.headers[field], value.utf8.count <= 512 {
                further.append((field.canonicalName, value))
            }
        }
        let outcome = await send(
            route.request(
                id: id, requestID: requestID, userID: caller?.userID, further: further, body: body))
        return Response(
            status: .init(code: route.successStatus),
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: try OperationOutcome.body(of: outcome)))
    }

    private func collect(_ request: Request) async throws -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap(Int.init), length > limits.body {
            throw RequestRules.tooLarge(limit: limits.body)
        }
        do {
            return try await request.body.collect(upTo: limits.body)
        } catch is NIOTooManyBytesError {
            throw RequestRules.tooLarge(limit: limits.body)
        } catch let error as HTTPError where error.status == .contentTooLarge {
            throw RequestRules.tooLarge(limit: limits.body)
        }
    }
}
