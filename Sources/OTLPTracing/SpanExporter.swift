import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import OutboundHTTP
import RawJSON
import ServiceLifecycle
import Shared
import Synchronization
import Telemetry

/// Sends finished spans to the collector, in batches and off the way of requests (OTLP/HTTP with JSON).
final class SpanExporter: Service {
    /// Of one call.
    private static let timeout = Duration.seconds(10)
    /// For what is left when the process stops.
    private static let lastCalls = Duration.seconds(2)
    /// Bytes of an answer that are read.
    private static let longestAnswer = 64 << 10

    private let settings: TraceSettings
    private let encoding: OTLPEncoding
    private let logger: Logger
    private let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()
    private let batches: Mutex<SpanBatches>
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(_ settings: TraceSettings, encoding: OTLPEncoding, logger: Logger) {
        self.settings = settings
        self.encoding = encoding
        self.logger = logger
        batches = Mutex(SpanBatches(limits: .init(delay: TimeAmount(settings.delay))))
        (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ span: FinishedSpan) {
        if batches.withLock({ $0.add(span, .now()) }) { wake.yield() }
    }

    /// For a scrape.
    var samples: [Sample] {
        let (counts, count, limit) = batches.withLock { ($0.counts, $0.count, $0.limits.capacity) }
        return [
            Sample(.traceSpans, "exported", count: counts.exported),
            Sample(.traceSpans, "failed", count: counts.failed),
            Sample(.traceSpans, "rejected", count: counts.rejected),
        ] + Sample.queue("spans", items: count, itemsLimit: limit, refused: counts.dropped)
    }

    func run() async throws {
        let client = OutboundCall.client()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.send(with: client) }
            group.addTask {
                try? await gracefulShutdown()
                self.batches.withLock { $0.stop() }
                self.wake.yield()
                try? await Task.sleep(for: Self.lastCalls)
            }
            // All is sent, or what is left is given up.
            await group.next()
            group.cancelAll()
        }
        try? await client.shutdown()
    }

    private func send(with client: HTTPClient) async {
        var shown: String?
        for await _ in wakes {
            steps: while !Task.isCancelled {
                switch batches.withLock({ $0.next(.now()) }) {
                case .send:
                    let (result, problem) = await call(with: client, batches.withLock { $0.batch })
                    batches.withLock { $0.finished(result, .now()) }
                    if let problem, problem != shown {
                        logger.warning("traces were not taken", metadata: ["reason": "\(problem)"])
                    }
                    shown = problem
                case .wait(let time):
                    let wake = wake
                    eventLoop.scheduleTask(deadline: time) { _ = wake.yield() }
                    break steps
                case .idle: break steps
                case .done: return
                }
            }
        }
    }

    private func call(
        with client: HTTPClient, _ batch: [FinishedSpan]
    ) async -> (SpanBatches.Result, problem: String?) {
        var request = HTTPClientRequest(url: settings.url)
        request.method = .POST
        request.headers = [
            "Content-Type": "application/json", "User-Agent": "vy-gateway/\(Build.version)",
        ]
        for header in settings.headers {
            request.headers.replaceOrAdd(name: header.name, value: header.value)
        }
        request.body = .bytes(encoding.request(batch))
        guard
            let result = try? await OutboundCall.result(
                of: request, with: client, within: Self.timeout, longestAnswer: Self.longestAnswer)
        else { return (.failed(retryAfter: nil), nil) }
        switch result {
        case .noAnswer(let reason): return (.failed(retryAfter: nil), reason)
        case .answer(let status, let headers, let body):
            let result = Self.result(status, retryAfter: OutboundCall.retryAfter(headers), body)
            return (result, result == .taken ? nil : "the collector answered \(status)")
        }
    }

    /// OTLP specification, "OTLP/HTTP Response".
    static func result(_ status: Int, retryAfter: Duration?, _ body: ByteBuffer) -> SpanBatches.Result {
        switch status {
        case 200..<300:
            let members = try? RawJSON.object(body)
            let part = (members?["partialSuccess"]?.text).flatMap { try? RawJSON.object($0) }
            let rejected = part?["rejectedSpans"]
            // A 64-bit integer, which JSON has as a string.
            let count = rejected?.integer ?? rejected?.string.flatMap { Int($0) } ?? 0
            return count > 0 ? .partlyTaken(rejected: count) : .taken
        case 429, 502, 503, 504: return .failed(retryAfter: retryAfter.map { TimeAmount($0) })
        default: return .refused
        }
    }
}
