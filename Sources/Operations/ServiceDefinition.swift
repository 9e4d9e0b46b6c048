import Foundation
import Yams

/// One operation of a service: an HTTP method and path, and the Kafka topic that it is sent to.
public struct Route: Sendable, Equatable {
    public let method: String
    /// The path with the service's name in front: `/vy-finance-payments/payment-intents`.
    public let path: String
    public let topic: String
    /// The status of an answer without error: 200, or 201 for an operation that creates something.
    public let successStatus: Int
    public let timeout: Duration

    public init(method: String, path: String, topic: String, successStatus: Int, timeout: Duration) {
        self.method = method
        self.path = path
        self.topic = topic
        self.successStatus = successStatus
        self.timeout = timeout
    }
}

/// A service as its YAML file describes it.
public struct ServiceDefinition: Sendable, Equatable {
    public let name: String
    public let routes: [Route]

    public init(name: String, routes: [Route]) {
        self.name = name
        self.routes = routes
    }

    /// Reads every `.yaml` and `.yml` file of a directory, in the order of their names.
    ///
    /// - Returns: the services that are right, and one sentence for each fault.
    static func load(
        directory: String, defaultTimeout: Duration, longestTimeout: Duration
    ) -> (services: [ServiceDefinition], mistakes: [String]) {
        var services: [ServiceDefinition] = []
        var mistakes: [String] = []
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            for name in names.sorted() where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                do {
                    let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
                    let (service, faults) = try parse(
                        text, defaultTimeout: defaultTimeout, longestTimeout: longestTimeout)
                    services.append(service)
                    mistakes += faults.map { "\(name): \($0)" }
                } catch {
                    mistakes.append("\(name): \(Self.sentence(for: error))")
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

    /// Parses one YAML document.
    ///
    /// - Throws: `DecodingError` or `YamlError` when the document has not the shape of ``Document``.
    static func parse(
        _ yaml: String, defaultTimeout: Duration, longestTimeout: Duration
    ) throws -> (service: ServiceDefinition, mistakes: [String]) {
        let document = try YAMLDecoder().decode(Document.self, from: yaml)
        var mistakes: [String] = []
        if !isToken(document.service) {
            mistakes.append("service: '\(document.service)' may hold only a-z A-Z 0-9 . _ -")
        }
        let routes = document.routes.map { entry in
            mistakes += entry.mistakes(longestTimeout: longestTimeout)
            return Route(
                method: entry.method ?? "POST", path: "/\(document.service)\(entry.path)",
                topic: entry.topic, successStatus: entry.status ?? 200,
                timeout: entry.timeout.map { .milliseconds($0) } ?? defaultTimeout)
        }
        return (ServiceDefinition(name: document.service, routes: routes), mistakes)
    }

    /// The shape of a service's file.
    private struct Document: Decodable {
        let service: String
        let routes: [Entry]
    }

    private struct Entry: Decodable {
        let path: String
        let topic: String
        let method: String?
        let status: Int?
        /// Milliseconds.
        let timeout: Int?

        func mistakes(longestTimeout: Duration) -> [String] {
            var mistakes: [String] = []
            if !path.hasPrefix("/") || path.hasSuffix("/")
                || !path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
                    .allSatisfy({ isToken(String($0)) })
            {
                mistakes.append("path '\(path)' must be like /payment-intents/get")
            }
            // The rule for names of topics in Apache Kafka.
            if !isToken(topic) || topic.utf8.count > 249 || topic == "." || topic == ".." {
                mistakes.append("\(path): '\(topic)' is no topic name")
            }
            // Bodies are what the contract sends to a service, so only methods with one are routable.
            if let method, !["POST", "PUT", "PATCH"].contains(method) {
                mistakes.append("\(path): method '\(method)' is none of POST, PUT, PATCH")
            }
            if let status, !(200...299).contains(status) || [204, 205].contains(status) {
                mistakes.append("\(path): status \(status) is no success status with a body")
            }
            if let timeout, timeout < 1 || .milliseconds(timeout) > longestTimeout {
                mistakes.append("\(path): timeout \(timeout) is not from 1 to KAFKA_REPLY_TIMEOUT_MAX")
            }
            return mistakes
        }
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    private static func sentence(for error: any Error) -> String {
        switch error {
        case let DecodingError.keyNotFound(key, context):
            "\(place(context.codingPath))'\(key.stringValue)' is missing"
        case let DecodingError.typeMismatch(_, context), let DecodingError.valueNotFound(_, context),
            let DecodingError.dataCorrupted(context):
            "\(place(context.codingPath))\(context.debugDescription)"
        default: "\(error)"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty
            ? "" : path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".") + ": "
    }
}
