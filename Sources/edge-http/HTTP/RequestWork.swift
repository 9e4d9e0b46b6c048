import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import OTLPTracing
import Operations
import Shared
import Telemetry
import Tracing

/// What is found out about one request while it is worked on, for its trace and its line in the log.
struct RequestWork {
    let start = NIODeadline.now()
    /// As the client knows it.
    let id: String
    /// What is passed on to the service; nil where nobody traces.
    let trace: TraceContext?
    /// Of the operation; nil when there is none.
    var meter: RequestMeter?
    private let head: HTTPRequest
    private let uri: URI
    private let span: TraceSpan?

    init(_ request: Request, id: String, tracer: ProcessTracer) {
        self.id = id
        head = request.head
        uri = request.uri
        let parent = RequestRules.trace(request.headers)
        span = tracer.start(request.method.rawValue, .server, in: parent)
        trace = span?.trace ?? parent
    }

    private var method: String { head.method.rawValue }
    private var path: String { CardNumber.masked(uri.path) }

    /// By which its lines and spans are found.
    var ids: Logger.Metadata {
        guard let trace else { return ["requestId": "\(id)"] }
        return ["requestId": "\(id)", "traceId": "\(trace.traceID)", "spanId": "\(trace.spanID)"]
    }

    /// - Parameter problem: nil for an answer, which may be a service's error.
    func ended(status: Int, problem: Problem?, peer: String?, after duration: TimeAmount, _ logger: Logger) {
        trace(status: status, problem: problem, peer: peer)
        logger.log(
            level: status >= 500 ? .warning : .info, "request",
            metadata: {
                var fields = ids
                fields["method"] = "\(method)"
                fields["path"] = "\(path)"
                if let meter { fields["route"] = "\(meter.route)" }
                fields["status"] = .stringConvertible(status)
                if let problem { fields["problem"] = "\(problem.code)" }
                fields["durationMs"] = .stringConvertible(Double(duration.nanoseconds / 1000) / 1000)
                return fields
            }())
    }

    /// OpenTelemetry's semantic conventions for HTTP servers; only a status of 500 and above is the server's error.
    private func trace(status: Int, problem: Problem?, peer: String?) {
        guard let span, span.isRecording else { return }
        if let meter { span.operationName = "\(method) \(meter.route)" }
        span.updateAttributes { attributes in
            attributes["http.request.method"] = method
            attributes["url.path"] = path
            attributes["url.scheme"] = head.scheme ?? "http"
            attributes["http.response.status_code"] = status
            if let meter { attributes["http.route"] = meter.route }
            if let peer { attributes["client.address"] = peer }
            if let userAgent = head.headerFields[.userAgent] { attributes["user_agent.original"] = userAgent }
            attributes["vy.request_id"] = id
            if let problem { attributes["vy.problem"] = problem.code }
        }
        if status >= 500 { span.fail(problem?.code ?? String(status)) }
        span.end()
    }
}
