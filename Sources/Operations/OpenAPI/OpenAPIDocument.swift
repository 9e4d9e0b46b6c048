import Foundation
import JSONSchema
import NIOCore

/// One service's OpenAPI 3.1 document: what its operations are, and by `x-kafka` how each reaches the service.
struct OpenAPIDocument {
    private static let uri = "openapi:///document"
    private static let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    private let root: JSONNode
    private let documents: SchemaDocuments
    private let defaultTimeout: Duration
    private let longestTimeout: Duration
    private(set) var mistakes: [String] = []

    /// - Throws: `YAMLDocument.Fault`, `YamlError` or `JSONSyntaxError` when the text is no document at all.
    static func parse(
        _ yaml: String, defaultTimeout: Duration, longestTimeout: Duration,
        maxBytes: Int = YAMLDocument.defaultMaxBytes
    ) throws -> (service: ServiceDefinition, mistakes: [String]) {
        let json = try YAMLDocument.json(yaml, maxBytes: maxBytes)
        var document = OpenAPIDocument(
            root: try JSONNode(json), defaultTimeout: defaultTimeout, longestTimeout: longestTimeout)
        let (name, routes) = document.read()
        return (
            ServiceDefinition(name: name, routes: routes, document: .init(json: json, yaml: yaml)),
            document.mistakes
        )
    }

    private init(root: JSONNode, defaultTimeout: Duration, longestTimeout: Duration) {
        self.root = root
        var documents = SchemaDocuments()
        documents.add(root, uri: Self.uri)
        self.documents = documents
        self.defaultTimeout = defaultTimeout
        self.longestTimeout = longestTimeout
    }

    private mutating func read() -> (name: String, routes: [Route]) {
        if root["openapi"]?.string?.hasPrefix("3.1.") != true { mistakes.append("openapi must be 3.1.x") }
        for member in ["title", "version"] where root["info"]?[member]?.string?.isEmpty ?? true {
            mistakes.append("info.\(member) is missing")
        }
        guard let paths = root["paths"]?.object, !paths.isEmpty else {
            mistakes.append("paths: there is no path")
            return ("", [])
        }
        var routes: [Route] = []
        for (path, item) in paths.sorted(by: { $0.key < $1.key }) {
            guard Self.isPath(path) else {
                mistakes.append("path '\(path)' must be like /vy-finance-payments/payment-intents/get")
                continue
            }
            for (method, operation) in (item.object ?? [:]).sorted(by: { $0.key < $1.key })
            where Self.methods.contains(method) {
                if let route = route(method, path, operation) { routes.append(route) }
            }
        }
        let names = Set(paths.keys.filter(Self.isPath).compactMap { $0.split(separator: "/").first })
        if names.count > 1 {
            mistakes.append("paths begin with different services: \(names.sorted().joined(separator: ", "))")
        }
        let operationIDs = routes.compactMap(\.operationID)
        for (id, count) in Dictionary(operationIDs.map { ($0, 1) }, uniquingKeysWith: +).sorted(by: <)
        where count > 1 {
            mistakes.append("operationId '\(id)' is there \(count) times")
        }
        return (names.sorted().first.map(String.init) ?? "", routes)
    }

    // MARK: - Operations

    private mutating func route(_ method: String, _ path: String, _ operation: JSONNode) -> Route? {
        let place = "\(method.uppercased()) \(path)"
        // Bodies are what the contract sends to a service, so only methods with one are routable.
        guard ["post", "put", "patch"].contains(method) else {
            mistakes.append("\(place): the method is none of POST, PUT, PATCH")
            return nil
        }
        let before = mistakes.count
        let kafka = kafkaRules(operation["x-kafka"], place)
        let schema = requestSchema(operation, ["paths", path, method, "requestBody"], place)
        let status = successStatus(operation, ["paths", path, method, "responses"], place)
        guard mistakes.count == before, let kafka, let schema, let status else { return nil }
        return Route(
            method: method.uppercased(), path: path, topic: kafka.topic, successStatus: status,
            timeout: kafka.timeout, operationID: operation["operationId"]?.string, schema: schema,
            keyField: kafka.keyField, isIdempotent: kafka.isIdempotent, isCacheable: kafka.isCacheable,
            allowsCardData: kafka.allowsCardData)
    }

    private struct KafkaRules {
        var topic = ""
        var timeout: Duration
        var keyField: String?
        var isIdempotent = false
        var isCacheable = false
        var allowsCardData = false
    }

    private mutating func kafkaRules(_ node: JSONNode?, _ place: String) -> KafkaRules? {
        guard let members = node?.object else {
            mistakes.append("\(place): x-kafka is missing")
            return nil
        }
        var rules = KafkaRules(timeout: defaultTimeout)
        if members["topic"] == nil { mistakes.append("\(place): x-kafka.topic is missing") }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch (name, value) {
            // The rule for names of topics in Apache Kafka.
            case ("topic", .string(let topic)) where Self.isTopic(topic): rules.topic = topic
            case ("timeout", _):
                guard let timeout = value.count.map({ Duration.milliseconds($0) }), timeout > .zero,
                    timeout <= longestTimeout
                else {
                    mistakes.append("\(place): x-kafka.timeout is not from 1 to KAFKA_REPLY_TIMEOUT_MAX")
                    continue
                }
                rules.timeout = timeout
            case ("key", .string(let field)) where !field.isEmpty: rules.keyField = field
            case ("idempotent", .bool(let flag)): rules.isIdempotent = flag
            case ("cacheable", .bool(let flag)): rules.isCacheable = flag
            case ("cardData", .bool(let flag)): rules.allowsCardData = flag
            case ("topic", _), ("key", _), ("idempotent", _), ("cacheable", _), ("cardData", _):
                mistakes.append("\(place): x-kafka.\(name) has a wrong value")
            default: mistakes.append("\(place): x-kafka.\(name) is not known")
            }
        }
        return rules
    }

    private mutating func requestSchema(_ operation: JSONNode, _ path: [String], _ place: String) -> Schema? {
        let (body, path) = resolved(operation["requestBody"], path)
        let content = path + ["content", "application/json"]
        guard let media = body?["content"]?["application/json"], media["schema"] != nil else {
            mistakes.append("\(place): requestBody has no schema for application/json")
            return nil
        }
        return checkedSchema(media, content, "\(place): requestBody")
    }

    private mutating func successStatus(_ operation: JSONNode, _ path: [String], _ place: String) -> Int? {
        let responses = operation["responses"]?.object ?? [:]
        for (status, response) in responses.sorted(by: { $0.key < $1.key }) {
            let (node, path) = resolved(response, path + [status])
            for (type, media) in node?["content"]?.object ?? [:] where media["schema"] != nil {
                _ = checkedSchema(media, path + ["content", type], "\(place): response \(status)")
            }
        }
        let successes = responses.keys.compactMap(Int.init).filter { (200...299).contains($0) && $0 != 202 }
        guard successes.count == 1, let status = successes.first, ![204, 205].contains(status) else {
            mistakes.append("\(place): responses must have one success with a body, 200 or 201 for instance")
            return nil
        }
        return status
    }

    /// The schema of a media type, whose examples must be valid.
    private mutating func checkedSchema(_ media: JSONNode, _ path: [String], _ place: String) -> Schema? {
        do throws(SchemaError) {
            let schema = try documents.schema(in: Self.uri, at: path + ["schema"])
            var examples = media["example"].map { [("example", $0)] } ?? []
            for (name, example) in media["examples"]?.object ?? [:] {
                examples += example["value"].map { [("example '\(name)'", $0)] } ?? []
            }
            for (name, value) in examples.sorted(by: { $0.0 < $1.0 }) {
                for fault in schema.faults(of: value) {
                    mistakes.append("\(place): \(name): \(fault.pointer) \(fault.detail)")
                }
            }
            return schema
        } catch {
            mistakes.append("\(place): \(error)")
            return nil
        }
    }

    /// Follows the reference that a request body or a response may be.
    private func resolved(_ node: JSONNode?, _ path: [String]) -> (node: JSONNode?, path: [String]) {
        guard let reference = node?["$ref"]?.string, reference.hasPrefix("#/components/") else {
            return (node, path)
        }
        let tokens = reference.dropFirst(2).split(separator: "/").map(String.init)
        return (root[tokens], tokens)
    }

    // MARK: - Names

    private static func isPath(_ path: String) -> Bool {
        path.hasPrefix("/") && path.dropFirst().contains("/")
            && path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
                .allSatisfy { isToken(String($0)) }
    }

    private static func isTopic(_ topic: String) -> Bool {
        isToken(topic) && topic.utf8.count <= 249 && topic != "." && topic != ".."
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || "._-".utf8.contains($0)
            }
    }
}
