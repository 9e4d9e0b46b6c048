import Foundation
import JSONSchema
public import NIOCore
import RawJSON
public import Telemetry

/// One operation of a service: an HTTP method and path, and the Kafka topic that it is sent to.
public struct Route: Sendable {
    public let method: String
    /// The path with the service's name in front: `/vy-finance-payments/payment-intents`.
    public let path: String
    public let topic: String
    /// The status of an answer without error: 200, or 201 for an operation that creates something.
    public let successStatus: Int
    public let timeout: Duration
    public let operationID: String?
    /// The member of the body whose value is the record's key, so that what concerns one thing stays in order.
    public let keyField: String?
    /// Whether doing it twice differs from doing it once unless an idempotency key says otherwise.
    public let isIdempotent: Bool
    /// Whether its answers may be kept for a while.
    public let isCacheable: Bool
    /// Whether its bodies may hold card numbers and security codes.
    public let allowsCardData: Bool
    /// Of its requests and of its events.
    public let requestMeter: RequestMeter
    public let eventMeter: EventMeter
    private let schema: Schema?

    public init(
        method: String, path: String, topic: String, successStatus: Int, timeout: Duration,
        isCacheable: Bool = false, allowsCardData: Bool = false
    ) {
        self.init(
            method: method, path: path, topic: topic, successStatus: successStatus, timeout: timeout,
            operationID: nil, schema: nil, keyField: nil, isIdempotent: false, isCacheable: isCacheable,
            allowsCardData: allowsCardData)
    }

    init(
        method: String, path: String, topic: String, successStatus: Int, timeout: Duration,
        operationID: String?, schema: Schema?, keyField: String?, isIdempotent: Bool, isCacheable: Bool,
        allowsCardData: Bool
    ) {
        self.method = method
        self.path = path
        self.topic = topic
        self.successStatus = successStatus
        self.timeout = timeout
        self.operationID = operationID
        self.schema = schema
        self.keyField = keyField
        self.isIdempotent = isIdempotent
        self.isCacheable = isCacheable
        self.allowsCardData = allowsCardData
        requestMeter = RequestMeter(method: method, route: path)
        eventMeter = EventMeter(event: topic)
    }

    /// Every fault of a request body, which is one JSON object.
    func faults(of body: ByteBuffer, maxDepth: Int) -> [Problem.Fault] {
        guard let schema, let instance = try? JSONNode(body, maxDepth: maxDepth) else { return [] }
        return schema.faults(of: instance).map { Problem.Fault(pointer: $0.pointer, detail: $0.detail) }
    }

    /// The record's key for a body: a text or a number of its member.
    func key(of body: ByteBuffer) -> String? {
        guard let keyField, let value = (try? RawJSON.object(body))?[keyField] else { return nil }
        return value.string ?? (value.kind == .number ? String(buffer: value.text) : nil)
    }
}

/// A service as its OpenAPI document describes it.
public struct ServiceDefinition: Sendable {
    /// The document, for those who read it.
    public struct Document: Sendable {
        public let json: ByteBuffer
        public let yaml: String

        public init(json: ByteBuffer, yaml: String) {
            self.json = json
            self.yaml = yaml
        }
    }

    public let name: String
    public let routes: [Route]
    public let document: Document?

    public init(name: String, routes: [Route], document: Document? = nil) {
        self.name = name
        self.routes = routes
        self.document = document
    }

    /// Where services come from.
    public struct Source: Sendable {
        let directory: String
        let defaultTimeout: Duration
        let longestTimeout: Duration

        public init(directory: String, defaultTimeout: Duration, longestTimeout: Duration) {
            self.directory = directory
            self.defaultTimeout = defaultTimeout
            self.longestTimeout = longestTimeout
        }

        /// Reads every `.yaml` and `.yml` file of the directory, in the order of their names.
        ///
        /// - Returns: the services that are right, and one sentence for each fault.
        public func load() -> (services: [ServiceDefinition], mistakes: [String]) {
            var services: [ServiceDefinition] = []
            var mistakes: [String] = []
            do {
                let names = try FileManager.default.contentsOfDirectory(atPath: directory)
                for name in names.sorted() where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                    do {
                        let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
                        let (service, faults) = try OpenAPIDocument.parse(
                            text, defaultTimeout: defaultTimeout, longestTimeout: longestTimeout)
                        services.append(service)
                        mistakes += faults.map { "\(name): \($0)" }
                    } catch {
                        mistakes.append("\(name): \(error)")
                    }
                }
                if services.isEmpty && mistakes.isEmpty {
                    mistakes.append("\(directory) holds no .yaml file")
                }
            } catch {
                mistakes.append("cannot read the directory \(directory)")
            }
            mistakes += RouteTable.conflicts(services)
            return (services, mistakes)
        }
    }
}
