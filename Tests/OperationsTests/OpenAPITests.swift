import Foundation
import Logging
import NIOCore
import Testing

@testable import Operations

@Suite struct OpenAPITests {
    private func parse(_ yaml: String) throws -> (service: ServiceDefinition, mistakes: [String]) {
        try OpenAPIDocument.parse(yaml, defaultTimeout: .seconds(10), longestTimeout: .seconds(20))
    }

    /// A document with one operation, of which parts may be replaced.
    private func document(
        path: String = "/vy-shipping/parcels", method: String = "post",
        kafka: String = "{topic: vy-shipping.parcels.create, timeout: 1500, key: user, idempotent: true}",
        schema: String = "{type: object, required: [weight], properties: {weight: {type: integer}}}",
        example: String = "{weight: 3}", responses: String = "{'201': {description: ok}}"
    ) -> String {
        """
        openapi: 3.1.0
        info: {title: t, version: "1"}
        paths:
          \(path):
            \(method):
              operationId: op
              x-kafka: \(kafka)
              requestBody: {content: {application/json: {schema: \(schema), example: \(example)}}}
              responses: \(responses)
        """
    }

    @Test func anOperationBecomesARoute() throws {
        let (service, mistakes) = try parse(document())
        #expect(mistakes == [])
        #expect(service.name == "vy-shipping")
        let route = try #require(service.routes.first)
        #expect(route.method == "POST" && route.path == "/vy-shipping/parcels")
        #expect(route.topic == "vy-shipping.parcels.create" && route.successStatus == 201)
        #expect(route.timeout == .milliseconds(1500) && route.operationID == "op")
        #expect(route.isIdempotent && !route.isCacheable)
        #expect(route.key(of: ByteBuffer(string: #"{"user":"u1"}"#)) == "u1")
        #expect(route.key(of: ByteBuffer(string: #"{"user":12}"#)) == "12")
        #expect(route.key(of: ByteBuffer(string: #"{"user":[1]}"#)) == nil)
        #expect(route.key(of: ByteBuffer(string: "{}")) == nil)
    }

    @Test func bodiesAreCheckedByTheSchema() throws {
        let route = try #require(try parse(document()).service.routes.first)
        #expect(route.faults(of: ByteBuffer(string: #"{"weight":3}"#), maxDepth: 8).isEmpty)
        #expect(
            route.faults(of: ByteBuffer(string: #"{"weight":"3"}"#), maxDepth: 8)
                == [.init(pointer: "/weight", detail: "must be an integer")])
        #expect(throws: Problem.self) {
            try RequestRules.check(ByteBuffer(string: "{}"), for: route, of: nil, maxDepth: 8)
        }
    }

    private var wrong: [(yaml: String, mistake: String)] {
        [
            (
                document(path: "/parcels"),
                "path '/parcels' must be like /vy-finance-payments/payment-intents/get"
            ),
            (document(path: "/a/b c"), "path '/a/b c' must be like /vy-finance-payments/payment-intents/get"),
            (document(method: "get"), "GET /vy-shipping/parcels: the method is none of POST, PUT, PATCH"),
            (document(kafka: "{}"), "POST /vy-shipping/parcels: x-kafka.topic is missing"),
            (document(kafka: "1"), "POST /vy-shipping/parcels: x-kafka is missing"),
            (document(kafka: "{topic: a b}"), "POST /vy-shipping/parcels: x-kafka.topic has a wrong value"),
            (document(kafka: "{topic: ..}"), "POST /vy-shipping/parcels: x-kafka.topic has a wrong value"),
            (
                document(kafka: "{topic: a, timeout: 30000}"),
                "POST /vy-shipping/parcels: x-kafka.timeout is not from 1 to KAFKA_REPLY_TIMEOUT_MAX"
            ),
            (
                document(kafka: "{topic: a, tpoic: b}"),
                "POST /vy-shipping/parcels: x-kafka.tpoic is not known"
            ),
            (
                document(kafka: "{topic: a, cacheable: 1}"),
                "POST /vy-shipping/parcels: x-kafka.cacheable has a wrong value"
            ),
            (
                document(schema: "{type: text}"),
                "POST /vy-shipping/parcels: requestBody: /paths/~1vy-shipping~1parcels/post/requestBody/content/"
                    + "application~1json/schema: type is one or more of array, boolean, integer, null, number, object, string"
            ),
            (
                document(example: "{weight: heavy}"),
                "POST /vy-shipping/parcels: requestBody: example: /weight must be an integer"
            ),
            (
                document(responses: "{'204': {description: nothing}}"),
                "POST /vy-shipping/parcels: responses must have one success with a body, 200 or 201 for instance"
            ),
            (
                document(
                    responses: "{'200': {description: a, content: {a/b: {schema: {const: 1}, example: 2}}}}"),
                "POST /vy-shipping/parcels: response 200: example:  must be 1"
            ),
            ("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {}", "openapi must be 3.1.x"),
            ("openapi: 3.1.0\npaths: {}", "info.title is missing"),
            ("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}", "paths: there is no path"),
        ]
    }

    @Test func everyFaultOfADocumentIsNamed() throws {
        for (yaml, mistake) in wrong {
            let mistakes = try parse(yaml).mistakes
            #expect(mistakes.contains(mistake), "\(mistakes) lacks \(mistake)")
        }
    }

    @Test(arguments: ["", "{", "a: [", "- &a 1\n- *b"])
    func whatIsNoYAMLIsRefused(yaml: String) { #expect(throws: (any Error).self) { try parse(yaml) } }

    @Test func yamlIsReadByTheRulesOfJSON() throws {
        let yaml = "{a: no, b: 012, c: 1e3, d: '5', e: ~, f: true, g: 1.10, h: 0x1F, i: [], j: \"x\\ny\"}"
        #expect(
            String(buffer: try YAMLDocument.json(yaml))
                == #"{"a":"no","b":"012","c":1e3,"d":"5","e":null,"f":true,"g":1.10,"h":"0x1F","i":[],"j":"x\ny"}"#
        )
    }

    @Test func aliasesMakeNoDocumentEndless() {
        let lines = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }
        let yaml = "a0: &a0 x\n" + lines.joined()
        #expect(throws: YAMLDocument.Fault.self) { try YAMLDocument.json(yaml, maxBytes: 10_000) }
    }

    @Test func aMissingDirectoryIsAMistake() {
        let source = ServiceDefinition.Source(
            directory: "/nonexistent", defaultTimeout: .seconds(1), longestTimeout: .seconds(1))
        let (services, mistakes) = source.load()
        #expect(services.isEmpty)
        #expect(mistakes == ["cannot read the directory /nonexistent"])
    }

    @Test func aReloadReplacesAllOrNothing() throws {
        let old = ServiceDefinition(name: "old", routes: [])
        let new = try parse(document()).service
        let catalog = ServiceCatalog(
            [old], source: .init(directory: "", defaultTimeout: .seconds(1), longestTimeout: .seconds(1)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        catalog.take([new], ["a fault"])
        #expect(catalog.current.services.map(\.name) == ["old"])
        catalog.take([new], [])
        #expect(catalog.current.services.map(\.name) == ["vy-shipping"])
        #expect(catalog.current.events["parcels.create"] != nil)
    }
}
