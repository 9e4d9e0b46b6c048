import Authentication
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import OTLPTracing
import Operations
import ResponseCache
import Shared
import Synchronization
import Telemetry

/// Answers every request on the public port: finds the route, checks the request, sends it to the bridge, and renders
/// what came of it.
final class GatewayResponder: HTTPResponder {
    typealias Context = GatewayContext

    struct Limits: Sendable {
        let body: Int
        let depth: Int
        let inFlight: Int
    }

    /// Bytes of a body that is checked elsewhere, so that other connections of its event loop do not wait for that.
    private static let largeBody = 64 << 10

    private let catalog: ServiceCatalog
    private let cors: CORSPolicy
    private let limits: Limits
    /// The demo page, where there is one.
    private let page: ByteBuffer?
    private let documentation: DocumentationSite?
    private let authenticator: Authenticator?
    private let rates: RateLimiter?
    private let delivery: OperationDelivery
    /// Nil: no answers are kept.
    private let cache: ResponseCache?
    private let health: HealthCheck
    private let tracer: ProcessTracer
    private let logger: Logger
    private let figures = RequestFigures()
    private let inFlight = Atomic(0)
    private let refused = Atomic(0)

    init(
        catalog: ServiceCatalog, cors: CORSPolicy, limits: Limits, page: ByteBuffer?,
        documentation: DocumentationSite? = nil, authenticator: Authenticator? = nil,
        rates: RateLimiter? = nil, cache: ResponseCache? = nil,
        delivery: OperationDelivery, health: HealthCheck = HealthCheck { true },
        tracer: ProcessTracer, logger: Logger
    ) {
        self.catalog = catalog
        self.cors = cors
        self.limits = limits
        self.page = page
        self.documentation = documentation
        self.authenticator = authenticator
        self.delivery = delivery
        self.rates = rates
        self.cache = cache
        self.health = health
        self.tracer = tracer
        self.logger = logger
    }

    /// For a scrape.
    var samples: [Sample] {
        Sample.queue(
            "requests", items: inFlight.load(ordering: .relaxed), itemsLimit: limits.inFlight,
            refused: refused.load(ordering: .relaxed))
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        if request.uri.path == HealthCheck.path { return health.response(to: request.method) }
        let id = BridgeRequestID.random()
        var work = RequestWork(
            request, id: RequestRules.requestID(request.headers, fallback: id.description), tracer: tracer)
        var response: Response
        var problem: Problem?
        do {
            response = try await answer(request, peer: context.peer, id: id, work: &work)
        } catch {
            if !(error is Problem) {
                logger.error("request failed", metadata: work.ids.merging(["error": "\(error)"]) { $1 })
            }
            let known = error as? Problem ?? .internalError
            problem = known
            response = known.response(requestID: work.id, instance: CardNumber.masked(request.uri.path))
        }
        response.headers[RequestRules.requestIDField] = work.id
        cors.apply(to: &response, origin: request.headers[.origin])
        let duration = NIODeadline.now() - work.start
        figures.ended(
            request.method, work.meter, status: response.status.code, problem: problem, after: duration)
        work.ended(
            status: response.status.code, problem: problem, peer: context.peer, after: duration, logger)
        return response
    }

    private func answer(
        _ request: Request, peer: String?, id: BridgeRequestID, work: inout RequestWork
    ) async throws -> Response {
        if let page, request.uri.path == "/", request.method == .get {
            return Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    .contentSecurityPolicy: "default-src 'self' 'unsafe-inline' data: ws: wss:",
                ],
                body: .init(byteBuffer: page))
        }
        if let response = try documentation?.respond(to: request) { return response }
        if request.uri.path.hasPrefix(OperationPage.prefix) {
            if request.method == .get { work.meter = figures.operation }
            return try await operation(request, peer: peer)
        }
        switch catalog.current.routes.match(method: request.method.rawValue, path: request.uri.path) {
        case .notFound:
            throw Problem(
                status: .notFound, code: "unknown-route", detail: "No operation has this path.")
        case .methodNotAllowed(let allowed): return try refuse(request, allowed: allowed)
        case .route(let route):
            work.meter = route.requestMeter
            let count = inFlight.add(1, ordering: .relaxed).newValue
            defer { inFlight.subtract(1, ordering: .relaxed) }
            guard count <= limits.inFlight else {
                refused.add(1, ordering: .relaxed)
                throw OperationOutcome.unavailable(
                    code: "too-many-requests-in-flight",
                    detail: "The gateway is working on \(limits.inFlight) requests already.", retryAfter: 1)
            }
            let (requestID, trace) = (work.id, work.trace)
            return try await limited(request, peer: peer) { caller in
                try await self.forward(
                    request, to: route, caller: caller, id: id, requestID: requestID, trace: trace)
            }
        }
    }

    /// Every answer of a limited operation says what is left.
    private func limited(
        _ request: Request, peer: String?, work: (Caller?) async throws -> Response
    ) async throws -> Response {
        // Who guesses tokens is held back by the limit of addresses.
        let caller = Result { () throws(Problem) in
            try BearerToken.caller(
                request.headers, authenticator: authenticator, now: WallClock.millisecondsSince1970())
        }
        let verdict = await rates?.verdict(
            userID: (try? caller.get())?.userID, peer: peer,
            forwardedFor: RequestRules.forwardedFor(request.headers))
        do {
            if let problem = verdict?.problem { throw problem }
            var response = try await work(try caller.get())
            verdict?.apply(to: &response.headers)
            return response
        } catch var problem as Problem {
            verdict?.apply(to: &problem.headers)
            throw problem
        }
    }

    private func refuse(_ request: Request, allowed: [String]) throws(Problem) -> Response {
        if let preflight = cors.preflight(request.head, allowedMethods: allowed) { return preflight }
        let list = allowed.joined(separator: ", ")
        if request.method == .options { return Response(status: .noContent, headers: [.allow: list]) }
        throw Problem.methodNotAllowed(list)
    }

    private func operation(_ request: Request, peer: String?) async throws -> Response {
        guard request.method == .get else { return try refuse(request, allowed: ["GET", "OPTIONS"]) }
        return try await limited(request, peer: peer) { caller in
            try RequestRules.checkAccept(request.headers)
            guard let id = BridgeRequestID(request.uri.path.dropFirst(OperationPage.prefix.count)) else {
                throw Problem.unknownOperation
            }
            return OperationPage.response(try await self.delivery.operation(id, of: Self.scope(of: caller)))
        }
    }

    /// Whose keys and operations these are; without authentication all clients are one caller.
    private static func scope(of caller: Caller?) -> String { caller.map { "user:" + $0.userID } ?? "anyone" }

    private func forward(
        _ request: Request, to route: Route, caller: Caller?, id: BridgeRequestID, requestID: String,
        trace: TraceContext?
    ) async throws -> Response {
        try RequestRules.checkAccept(request.headers)
        try RequestRules.checkContentType(request.headers)
        let idempotencyKey = try RequestRules.idempotencyKey(request.headers)
        let body = try await check(try await collect(request), for: route, of: caller)
        var further: [(name: String, value: String)] = []
        if let idempotencyKey { further.append(("idempotency-key", idempotencyKey)) }
        if let trace { further += trace.fields }
        let scope = Self.scope(of: caller)
        let call = OperationCall(
            head: OperationHead(
                id: id, caller: scope, path: request.uri.path, requestID: requestID,
                successStatus: route.successStatus),
            request: route.request(
                id: id, requestID: requestID, userID: caller?.userID, further: further, body: body),
            key: idempotencyKey.map {
                IdempotencyKey(
                    caller: scope, method: route.method, path: route.path, key: $0, body: body)
            },
            preferences: Preferences(request.headers[RequestRules.preferField]),
            caching: cache == nil
                ? .passes
                : OperationCaching(
                    route, caller: scope, body: body, hasKey: idempotencyKey != nil, request.headers))
        return try await OperationPage.response(
            to: call, from: CachedDelivery(delivery: delivery, cache: cache))
    }

    private func check(
        _ received: ByteBuffer, for route: Route, of caller: Caller?
    ) async throws -> ByteBuffer {
        func check() throws -> ByteBuffer {
            let body = try RequestRules.body(received, maxDepth: limits.depth)
            try RequestRules.check(body, for: route, of: caller?.userID, maxDepth: limits.depth)
            return body
        }
        guard received.readableBytes > Self.largeBody else { return try check() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { try check() }
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
