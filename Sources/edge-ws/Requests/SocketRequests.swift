import HTTPTypes
import Logging
import NIOCore
import OTLPTracing
import Operations
import PaymentContacts
import RawJSON
import ResponseCache
import Shared
import SocketIO
import Synchronization
import Telemetry
import Tracing

/// Requests that come as events: each goes through the bridge as the REST call does, and its acknowledgement is
/// `{"status":201,"body":{…}}`, where errors have the status and the problem document of REST.
final class SocketRequests: Sendable {
    struct Limits: Sendable {
        let body: Int
        let depth: Int
        let perSocket: Int
        let total: Int
    }

    struct Statistics: Sendable {
        var sent = 0
        /// By the code of the problem.
        var refused: [String: Int] = [:]
        /// Events without acknowledgement.
        var ignored = 0
    }

    private struct State {
        var tasks: [ObjectIdentifier: [BridgeRequestID: Task<Void, Never>]] = [:]
        var inFlight = 0
        var statistics = Statistics()
    }

    private let catalog: ServiceCatalog
    private let limits: Limits
    /// What edge-http keeps of answers; nil: nothing.
    private let cache: ResponseCache?
    private let contacts: PaymentContacts?
    private let tracer: ProcessTracer
    private let logger: Logger
    /// Nil when there is no bridge to send to.
    private let send: (@Sendable (BridgeRequest) async -> BridgeOutcome)?
    private let state = Mutex(State())

    init(
        catalog: ServiceCatalog, limits: Limits, cache: ResponseCache? = nil,
        contacts: PaymentContacts? = nil, tracer: ProcessTracer, logger: Logger,
        send: (@Sendable (BridgeRequest) async -> BridgeOutcome)?
    ) {
        self.catalog = catalog
        self.limits = limits
        self.cache = cache
        self.contacts = contacts
        self.tracer = tracer
        self.logger = logger
        self.send = send
    }

    var statistics: Statistics { state.withLock { $0.statistics } }

    /// For a scrape.
    var samples: [Sample] {
        let (inFlight, statistics) = state.withLock { ($0.inFlight, $0.statistics) }
        return Sample.queue(
            "socket_requests", items: inFlight, itemsLimit: limits.total,
            refused: statistics.refused[Self.tooMany] ?? 0)
    }

    /// The code of the problem when too much is in flight.
    private static let tooMany = "too-many-requests-in-flight"

    /// On the socket's event loop.
    ///
    /// - Parameter userID: whose socket it is, as far as that is known.
    func received(
        _ name: String, arguments: [JSONValue], attachments: Int, ack: SocketIOAck?, userID: String?,
        socket: SocketIOSocket
    ) {
        let found = catalog.current.events[name]
        guard let ack else {
            (found?.eventMeter ?? .other).count(.ignored)
            return state.withLock { $0.statistics.ignored += 1 }
        }
        let id = BridgeRequestID.random()
        let requestID = id.description
        do throws(Problem) {
            let route = try check(found)
            let body = try body(arguments, attachments: attachments)
            try RequestRules.check(body, for: route, of: userID, maxDepth: limits.depth)
            // Socket.IO has no place for a client's trace, so one begins here.
            let span = tracer.start(name, .server, in: nil)
            let request = route.request(
                id: id, requestID: requestID, userID: userID, further: span?.trace.fields ?? [], body: body)
            try start(request, route, ack, socket, span)
        } catch {
            refuse(error, ack, requestID: requestID, found, socket)
        }
    }

    /// Answers an event of a socket that has sent too many (RFC 6585 §4).
    func refuseForNow(_ name: String, _ ack: SocketIOAck?, _ socket: SocketIOSocket) {
        guard let ack else { return }
        let problem = OperationOutcome.tooMany(
            code: "too-many-events", detail: "This socket has sent too many events; wait a second.",
            retryAfter: 1)
        refuse(
            problem, ack, requestID: BridgeRequestID.random().description, catalog.current.events[name],
            socket)
    }

    private func refuse(
        _ problem: Problem, _ ack: SocketIOAck, requestID: String, _ route: Route?, _ socket: SocketIOSocket
    ) {
        state.withLock { $0.statistics.refused[problem.code, default: 0] += 1 }
        (route?.eventMeter ?? .other).count(.init(problem.requestOutcome))
        ack([Self.answer(problem, requestID: requestID, instance: route?.path ?? socket.namespace)])
    }

    /// Nobody waits for the answers to this socket's requests any more.
    func cancel(_ socket: SocketIOSocket) {
        let tasks = state.withLock { $0.tasks[ObjectIdentifier(socket)] }
        for task in tasks?.values ?? [:].values { task.cancel() }
    }

    private func check(_ route: Route?) throws(Problem) -> Route {
        guard send != nil else {
            throw Problem(
                status: .notFound, code: "pushes-only",
                detail: "This edge-ws has no BRIDGE_SOCKET: it pushes updates and takes no requests.")
        }
        guard let route else {
            throw Problem(status: .notFound, code: "unknown-route", detail: "No operation has this event.")
        }
        return route
    }

    private func body(_ arguments: [JSONValue], attachments: Int) throws(Problem) -> ByteBuffer {
        guard attachments == 0 else {
            throw Problem(
                status: .unsupportedMediaType, code: "unsupported-media-type",
                detail: "A request is JSON; binary attachments are not supported.")
        }
        guard arguments.count == 1, let body = arguments.first?.text else {
            throw Problem(
                status: .unprocessableContent, code: "not-an-object",
                detail: "The event needs one argument, a JSON object.",
                faults: [.init(pointer: "", detail: "must be one object")])
        }
        guard body.readableBytes <= limits.body else { throw RequestRules.tooLarge(limit: limits.body) }
        return try RequestRules.body(body, maxDepth: limits.depth)
    }

    private func start(
        _ request: BridgeRequest, _ route: Route, _ ack: SocketIOAck, _ socket: SocketIOSocket,
        _ span: TraceSpan?
    ) throws(Problem) {
        guard let send else { return }
        let key = ObjectIdentifier(socket)
        let isWelcome = state.withLock { state in
            guard state.inFlight < limits.total, state.tasks[key]?.count ?? 0 < limits.perSocket else {
                return false
            }
            state.inFlight += 1
            state.statistics.sent += 1
            // Owned by this table, from which it takes itself out; `cancel` ends it early.
            state.tasks[key, default: [:]][request.id] = Task {
                let start = ContinuousClock.now
                let outcome = await send(request)
                // Whoever has the acknowledgement must not find what was before over HTTP.
                if !route.isCacheable { await self.cache?.noteChange(by: request, outcome) }
                if case .reply(let reply) = outcome {
                    self.contacts?.note(request: request.body, reply: reply)
                }
                self.ended(request.id, of: key)
                let (status, answer) = Self.answer(outcome, of: request, route)
                let duration = ContinuousClock.now - start
                route.eventMeter.answered(Self.counted(outcome), after: duration)
                self.ended(request, route, status: status, after: duration, span)
                socket.eventLoop.execute { ack([answer]) }
            }
            return true
        }
        guard isWelcome else {
            span?.fail(Self.tooMany)
            span?.end()
            throw OperationOutcome.unavailable(
                code: Self.tooMany,
                detail: "Too many requests of this socket, or of all, are in flight.", retryAfter: 1)
        }
    }

    private func ended(
        _ request: BridgeRequest, _ route: Route, status: Int, after duration: Duration, _ span: TraceSpan?
    ) {
        var fields: Logger.Metadata = ["requestId": "\(request.id)"]
        if let span {
            fields["traceId"] = "\(span.trace.traceID)"
            fields["spanId"] = "\(span.trace.spanID)"
            span.updateAttributes { attributes in
                attributes["vy.request_id"] = request.id.description
                attributes["vy.status"] = status
                attributes["http.route"] = route.path
            }
            if status >= 500 { span.fail(String(status)) }
            span.end()
        }
        logger.log(
            level: status >= 500 ? .warning : .info, "socket request",
            metadata: fields.merging([
                "route": "\(route.path)", "topic": "\(request.topic)", "status": .stringConvertible(status),
                "durationMs": .stringConvertible(Double(duration.nanoseconds / 1000) / 1000),
            ]) { $1 })
    }

    private func ended(_ id: BridgeRequestID, of key: ObjectIdentifier) {
        state.withLock { state in
            state.inFlight -= 1
            state.tasks[key]?[id] = nil
            if state.tasks[key]?.isEmpty == true { state.tasks[key] = nil }
        }
    }

    private static func counted(_ outcome: BridgeOutcome) -> EventMeter.Outcome {
        do throws(Problem) {
            _ = try OperationOutcome.body(of: outcome)
            return .answered
        } catch {
            return .init(error.requestOutcome)
        }
    }

    private static func answer(
        _ outcome: BridgeOutcome, of request: BridgeRequest, _ route: Route
    ) -> (status: Int, ByteBuffer) {
        do throws(Problem) {
            let body = try OperationOutcome.body(of: outcome)
            return (route.successStatus, answer(route.successStatus, body))
        } catch {
            return (
                error.status.code,
                answer(error, requestID: request.id.description, instance: route.path)
            )
        }
    }

    private static func answer(_ problem: Problem, requestID: String, instance: String) -> ByteBuffer {
        answer(problem.status.code, problem.document(requestID: requestID, instance: instance))
    }

    private static func answer(_ status: Int, _ body: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer(string: "{\"status\":\(status),\"body\":")
        buffer.writeImmutableBuffer(body)
        buffer.writeStaticString("}")
        return buffer
    }
}
