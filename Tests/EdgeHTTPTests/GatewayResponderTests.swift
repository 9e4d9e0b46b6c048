import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Operations
import Shared
import Synchronization
import Testing
import Tracing

@testable import OTLPTracing
@testable import edge_http

/// Drives the responder as the HTTP server does, with a bridge that answers what the test says.
private final class Harness: Sendable {
    let sent = Mutex<[BridgeRequest]>([])
    let store = MemoryStore()
    private let outcome: BridgeOutcome
    private let cors: CORSPolicy
    private let inFlight: Int
    let spans = Mutex<[FinishedSpan]>([])
    private let isTraced: Bool

    init(
        _ outcome: BridgeOutcome = .reply(ByteBuffer(string: "{}")), origins: [String] = [],
        inFlight: Int = 8,
        isTraced: Bool = false
    ) {
        self.isTraced = isTraced
        self.outcome = outcome
        self.inFlight = inFlight
        cors = CORSPolicy(origins: origins)
    }

    struct Answer {
        let status: Int
        let headers: HTTPFields
        let text: String
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
        }
    }

    func ask(
        _ method: HTTPRequest.Method = .post, _ path: String = "/pay/intents", body: String = "{}",
        headers: HTTPFields = [.contentType: "application/json"]
    ) async throws -> Answer {
        let routes = ["create": 201, "get": 200].map { name, status in
            Route(
                method: "POST", path: name == "create" ? "/pay/intents" : "/pay/intents/get",
                topic: "pay.intents.\(name)", successStatus: status, timeout: .seconds(3))
        }
        let responder = GatewayResponder(
            catalog: ServiceCatalog(
                [ServiceDefinition(name: "pay", routes: routes)],
                source: .init(directory: "", defaultTimeout: .seconds(1), longestTimeout: .seconds(1)),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }), cors: cors,
            limits: .init(body: 1000, depth: 16, inFlight: inFlight), page: nil,
            delivery: OperationDelivery(
                store: store, background: BackgroundRequests(limit: 8),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { request in
                self.sent.withLock { $0.append(request) }
                return self.outcome
            },
            tracer: isTraced
                ? ProcessTracer(ratio: 1) { span in self.spans.withLock { $0.append(span) } } : .off,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let head = HTTPRequest(
            method: method, scheme: "http", authority: "test", path: path, headerFields: headers)
        let response = try await responder.respond(
            to: Request(head: head, body: .init(buffer: ByteBuffer(string: body))),
            context: GatewayContext(
                source: ApplicationRequestContextSource(
                    channel: EmbeddedChannel(),
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })))
        let collector = Collector()
        try await response.body.write(collector)
        return Answer(
            status: response.status.code, headers: response.headers, text: String(buffer: collector.buffer))
    }

    private final class Collector: ResponseBodyWriter {
        var buffer = ByteBuffer()
        func write(_ buffer: ByteBuffer) async throws { self.buffer.writeImmutableBuffer(buffer) }
        func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}

@Suite struct GatewayResponderTests {
    @Test func aReplyIsTheAnswerByteForByte() async throws {
        let harness = Harness(.reply(ByteBuffer(string: "{\"b\": 1.0, \"a\":\"\\/\"}")))
        let answer = try await harness.ask(
            body: " {\"amount\":1999} ",
            headers: [.contentType: "application/json", RequestRules.requestIDField: "req-1"])
        #expect(answer.status == 201)
        #expect(answer.text == "{\"b\": 1.0, \"a\":\"\\/\"}")
        #expect(answer.headers[.contentType] == "application/json; charset=utf-8")
        #expect(answer.headers[RequestRules.requestIDField] == "req-1")
        let request = try #require(harness.sent.withLock { $0.first })
        #expect(request.topic == "pay.intents.create")
        #expect(String(buffer: request.body) == "{\"amount\":1999}")
        #expect(request.timeout == .seconds(3))
        let headers = Dictionary(uniqueKeysWithValues: request.headers)
        #expect(headers["x-request-id"] == "req-1")
        let deadline = try #require(headers["x-deadline"].flatMap(Int64.init))
        #expect((0...3000).contains(deadline - WallClock.millisecondsSince1970()))
        #expect(try await harness.ask(.post, "/pay/intents/get").status == 200)
    }

    @Test func keysAndTraceContextAreForwarded() async throws {
        let harness = Harness()
        _ = try await harness.ask(headers: [
            .contentType: "application/json", RequestRules.idempotencyKeyField: "\"k-1\"",
            Self.traceParent: Self.trace, Self.traceState: "a=b",
        ])
        let headers = Dictionary(uniqueKeysWithValues: harness.sent.withLock { $0[0].headers })
        #expect(headers["idempotency-key"] == "k-1")
        #expect(headers["traceparent"] == Self.trace)
        #expect(headers["tracestate"] == "a=b")
    }

    private static let traceParent = HTTPField.Name("traceparent") ?? .accept
    private static let traceState = HTTPField.Name("tracestate") ?? .accept
    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    /// W3C Trace Context §3.3: a state without a parent that can be read means nothing.
    @Test func aWrongTraceContextIsNotForwarded() async throws {
        let harness = Harness()
        _ = try await harness.ask(headers: [
            .contentType: "application/json", Self.traceParent: "00-a-b-01", Self.traceState: "a=b",
        ])
        let names = harness.sent.withLock { $0[0].headers.map(\.name) }
        #expect(!names.contains("traceparent") && !names.contains("tracestate"))
    }

    @Test func aTracedRequestIsASpanThatTheServiceGoesOnWith() async throws {
        let harness = Harness(isTraced: true)
        _ = try await harness.ask(headers: [
            .contentType: "application/json", RequestRules.requestIDField: "req-1",
            Self.traceParent: Self.trace,
        ])
        let span = try #require(harness.spans.withLock { $0.first })
        #expect(span.name == "POST /pay/intents")
        #expect(span.kind == .server)
        #expect(span.parent?.description == "b7ad6b7169203331")
        let headers = Dictionary(uniqueKeysWithValues: harness.sent.withLock { $0[0].headers })
        #expect(headers["traceparent"] == span.trace.parent)
        #expect(span.attributes["http.route"]?.toSpanAttribute() == "/pay/intents")
        #expect(span.attributes["http.response.status_code"]?.toSpanAttribute() == 201)
        #expect(span.attributes["vy.request_id"]?.toSpanAttribute() == "req-1")
        #expect(span.status == nil)
    }

    @Test func cardNumbersAreInNoSpan() async throws {
        let harness = Harness(isTraced: true)
        _ = try await harness.ask(.post, "/pay/4111111111111111")
        let span = try #require(harness.spans.withLock { $0.first })
        #expect(span.name == "POST")
        #expect(!"\(span)".contains("4111111111111111"))
    }

    @Test func aFailureIsMarkedInItsSpan() async throws {
        let harness = Harness(.failure(BridgeFailure(.deadline, message: "why")), isTraced: true)
        _ = try await harness.ask()
        let span = try #require(harness.spans.withLock { $0.first })
        #expect(span.status?.code == .error)
        #expect(span.attributes["error.type"]?.toSpanAttribute() == "deadline")
        #expect(span.parent == nil)
    }

    @Test(arguments: [
        (BridgeFailure.Code.bridgeUnavailable, 503, "not_sent"), (.topicMissing, 503, "not_sent"),
        (.windowExceeded, 503, "not_sent"), (.sendFailed, 503, "not_sent"), (.tooLarge, 413, "not_sent"),
        (.deadline, 504, "unknown"), (.bridgeLost, 504, "unknown"), (.unreadableReply, 502, "answered"),
    ])
    func failures(code: BridgeFailure.Code, status: Int, outcome: String) async throws {
        let answer = try await Harness(.failure(BridgeFailure(code, message: "why"))).ask()
        #expect(answer.status == status)
        #expect(answer.headers[.contentType] == "application/problem+json")
        #expect(answer.json["status"] as? Int == status)
        #expect(answer.json["outcome"] as? String == outcome)
        #expect(answer.json["detail"] as? String == "why")
        #expect(answer.json["instance"] as? String == "/pay/intents")
        #expect(answer.json["requestId"] as? String == answer.headers[RequestRules.requestIDField])
        #expect(
            answer.json["type"] as? String
                == "urn:vy-gateway:problem:\(code.rawValue.replacing("_", with: "-"))")
        #expect((answer.headers[.retryAfter] != nil) == (status == 503))
    }

    @Test(
        arguments: [
            (#"{"status":402,"code":"card_declined","message":"declined"}"#, 402, "declined"),
            (#"{"statusCode":409,"message":"conflict"}"#, 409, "conflict"),
            (#"{"statusCode":409,"status":402,"message":"both"}"#, 409, "both"),
            (#"{"status":"error","message":"Internal server error"}"#, 502, "Internal server error"),
            (#"{"status":200,"message":"fine?"}"#, 502, "fine?"), (#"{"status":600}"#, 502, nil),
            (#"{"status":404.5}"#, 502, nil), (#""just text""#, 502, "just text"), ("{}", 502, nil),
        ] as [(String, Int, String?)])
    func serviceErrors(error: String, status: Int, detail: String?) async throws {
        let answer = try await Harness(.serviceError(ByteBuffer(string: error))).ask()
        #expect(answer.status == status)
        #expect(answer.json["outcome"] as? String == "answered")
        #expect(answer.json["detail"] as? String == detail ?? "The service answered with an error.")
        #expect(answer.json["code"] as? String == (status == 402 ? "card_declined" : nil))
    }

    @Test func anUnknownOutcomeNamesItsOperationToItsCallerAlone() async throws {
        let harness = Harness(.failure(BridgeFailure(.deadline, message: "late")))
        let answer = try await harness.ask(headers: [
            .contentType: "application/json", RequestRules.preferField: "wait=1",
        ])
        #expect(answer.status == 504)
        #expect(answer.headers[RequestRules.preferenceAppliedField] == "wait=1")
        #expect(harness.sent.withLock { $0.map(\.timeout) } == [.seconds(1)])
        let location = try #require(answer.headers[.location])
        let id = try #require(harness.sent.withLock { $0.first?.id })
        #expect(location == "/operations/\(id)")
        let pending = try await harness.ask(.get, location)
        #expect(pending.status == 200)
        #expect(pending.text == "{\"id\":\"\(id)\",\"status\":\"pending\"}")
        #expect(pending.headers[.cacheControl] == "no-store")
        try await harness.store.keep(
            .serviceError(ByteBuffer(string: #"{"status":402,"message":"declined"}"#)), of: id)
        let late = try await harness.ask(.get, location)
        #expect(late.status == 402)
        #expect(late.json["detail"] as? String == "declined")
        #expect(late.json["instance"] as? String == "/pay/intents")
        #expect(late.json["requestId"] as? String == answer.headers[RequestRules.requestIDField])
        #expect(try await harness.ask(.post, location).headers[.allow] == "GET, OPTIONS")
        #expect(try await harness.ask(.get, "/operations/\(BridgeRequestID.random())").status == 404)
        #expect(try await harness.ask(.get, "/operations/x").status == 404)
        harness.store.change {
            $0.operations[id]?.head = OperationHead(
                id: id, caller: "user:other", path: "", requestID: "", successStatus: 200)
        }
        #expect(try await harness.ask(.get, location).status == 404)
        harness.store.change { $0.isAway = true }
        #expect(try await harness.ask(.get, location).status == 503)
    }

    @Test func aReplayIsMarkedAndHasTheSameBytes() async throws {
        let harness = Harness(.reply(ByteBuffer(string: "{\"b\": 1.0}")))
        func ask(_ key: String, _ body: String = "{}") async throws -> Harness.Answer {
            try await harness.ask(
                body: body,
                headers: [.contentType: "application/json", RequestRules.idempotencyKeyField: key])
        }
        let first = try await ask("k-1")
        let second = try await ask("\"k-1\"", " {} ")
        #expect(first.status == 201)
        #expect(second.status == 201)
        #expect(first.text == second.text)
        #expect(first.headers[RequestRules.replayedField] == nil)
        #expect(second.headers[RequestRules.replayedField] == "true")
        #expect(harness.sent.withLock { $0.count } == 1)
        let other = try await ask("k-1", "{\"a\":1}")
        #expect(other.status == 422)
        #expect(other.json["outcome"] as? String == "not_sent")
        harness.store.change { $0.isAway = true }
        let refused = try await ask("k-2")
        #expect(refused.status == 503)
        #expect(refused.json["outcome"] as? String == "not_sent")
        #expect(try await harness.ask().status == 201)
        #expect(harness.sent.withLock { $0.count } == 2)
    }

    @Test func wrongRequestsSendNothing() async throws {
        let harness = Harness()
        let json: HTTPFields = [.contentType: "application/json"]
        let large = "{\"a\":\"" + String(repeating: "x", count: 1000) + "\"}"
        #expect(try await harness.ask(.post, "/nowhere").status == 404)
        let method = try await harness.ask(.get)
        #expect(method.status == 405)
        #expect(method.headers[.allow] == "POST, OPTIONS")
        #expect(try await harness.ask(headers: [:]).status == 415)
        #expect(try await harness.ask(headers: json.with(.accept, "text/html")).status == 406)
        #expect(try await harness.ask(body: "{").status == 400)
        #expect(try await harness.ask(body: large).status == 413)
        #expect(try await harness.ask(headers: json.with(.contentLength, "5000")).status == 413)
        let array = try await harness.ask(body: "[]")
        #expect(array.status == 422)
        #expect(array.json["outcome"] as? String == "not_sent")
        #expect(
            (array.json["errors"] as? [[String: String]]) == [["pointer": "", "detail": "must be an object"]])
        #expect(harness.sent.withLock { $0.isEmpty })
    }

    @Test func requestsBeyondTheCapAreRefusedEarly() async throws {
        let harness = Harness(inFlight: 0)
        let answer = try await harness.ask()
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "1")
        #expect(answer.json["outcome"] as? String == "not_sent")
        #expect(harness.sent.withLock { $0.isEmpty })
    }

    @Test func preflightAndCrossOriginAnswers() async throws {
        let harness = Harness(origins: ["https://shop.example"])
        let ask: HTTPFields = [
            .origin: "https://shop.example", .accessControlRequestMethod: "POST",
            .accessControlRequestHeaders: "content-type,idempotency-key",
        ]
        let preflight = try await harness.ask(.options, headers: ask)
        #expect(preflight.status == 204)
        #expect(preflight.headers[.accessControlAllowOrigin] == "https://shop.example")
        #expect(preflight.headers[.accessControlAllowMethods] == "POST, OPTIONS")
        #expect(preflight.headers[.accessControlAllowHeaders] == "content-type,idempotency-key")
        #expect(preflight.headers[.vary] == "Origin, Access-Control-Request-Headers")
        // An error must be readable to the page as well.
        let failed = try await harness.ask(
            .post, "/nowhere", headers: [.origin: "https://shop.example", .contentType: "application/json"])
        #expect(failed.headers[.accessControlAllowOrigin] == "https://shop.example")
        #expect(failed.headers[.accessControlAllowCredentials] == "true")
        let other = try await harness.ask(
            headers: [.origin: "https://evil.example", .contentType: "application/json"])
        #expect(other.headers[.accessControlAllowOrigin] == nil)
        #expect(other.headers[.vary] == "Origin")
        let any = try await Harness(origins: ["*"]).ask(
            headers: [.origin: "https://evil.example", .contentType: "application/json"])
        #expect(any.headers[.accessControlAllowOrigin] == "*")
        #expect(any.headers[.accessControlAllowCredentials] == nil)
        let none = try await Harness().ask(
            headers: [.origin: "https://shop.example", .contentType: "application/json"])
        #expect(none.headers[.accessControlAllowOrigin] == nil)
    }
}

extension HTTPFields {
    fileprivate func with(_ name: HTTPField.Name, _ value: String) -> HTTPFields {
        var fields = self
        fields[name] = value
        return fields
    }
}
