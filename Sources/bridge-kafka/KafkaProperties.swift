import KafkaClient
import Shared

/// How brokers are reached, and what else of librdkafka an operator sets: properties of its CONFIGURATION.md.
struct KafkaProperties: Sendable {
    private enum Security: String {
        case plaintext
        case ssl
        case saslPlaintext = "sasl_plaintext"
        case saslSSL = "sasl_ssl"

        var hasSSL: Bool { self == .ssl || self == .saslSSL }
        var hasSASL: Bool { self == .saslPlaintext || self == .saslSSL }
    }

    private static let prefix = "KAFKA_PROPERTY_"

    /// Properties that are settings by themselves, or that the bridge's promises rest on; with what to say of them.
    private static let own: [String: String] = [
        "bootstrap.servers": "set KAFKA_BROKER", "metadata.broker.list": "set KAFKA_BROKER",
        "client.id": "set APP and INSTANCE", "group.id": "set KAFKA_GROUP",
        "group.instance.id": "set INSTANCE", "message.timeout.ms": "set KAFKA_SEND_TIMEOUT",
        "delivery.timeout.ms": "set KAFKA_SEND_TIMEOUT", "message.max.bytes": "set KAFKA_MESSAGE_LIMIT",
        "fetch.wait.max.ms": "set KAFKA_FETCH_WAIT", "security.protocol": "set KAFKA_SECURITY_PROTOCOL",
        "sasl.mechanism": "set KAFKA_SASL_MECHANISM", "sasl.mechanisms": "set KAFKA_SASL_MECHANISM",
        "sasl.username": "set KAFKA_SASL_USERNAME", "sasl.password": "set KAFKA_SASL_PASSWORD",
        "ssl.ca.location": "set KAFKA_SSL_CA", "ssl.certificate.location": "set KAFKA_SSL_CERT",
        "ssl.key.location": "set KAFKA_SSL_KEY", "ssl.key.password": "set KAFKA_SSL_KEY_PASSWORD",
        "acks": "it stays all", "request.required.acks": "it stays all",
        "enable.idempotence": "it stays true",
        "enable.auto.commit": "it stays false", "enable.auto.offset.store": "it stays false",
        "auto.offset.reset": "it stays earliest", "allow.auto.create.topics": "it stays false",
        "partitioner": "keys stay where kafkajs puts them", "log.queue": "it stays true",
        "transactional.id": "the bridge has no transactions",
    ]

    let properties: [String: String]

    init(from reader: inout SettingsReader) {
        let security =
            reader.choice(
                "KAFKA_SECURITY_PROTOCOL", default: "plaintext",
                of: [
                    "plaintext": Security.plaintext, "ssl": .ssl, "sasl_plaintext": .saslPlaintext,
                    "sasl_ssl": .saslSSL,
                ], help: "How brokers are reached: plaintext, ssl, sasl_plaintext or sasl_ssl.") ?? .plaintext
        var properties = ["security.protocol": security.rawValue]
        properties.merge(Self.sasl(security, &reader)) { $1 }
        properties.merge(Self.ssl(security, &reader)) { $1 }
        properties.merge(Self.further(&reader)) { $1 }
        self.properties = properties
        if reader.mistakes.isEmpty {
            for problem in KafkaConfiguration.problems(of: properties) { reader.mistake("Kafka: \(problem)") }
        }
    }

    private static func sasl(_ security: Security, _ reader: inout SettingsReader) -> [String: String] {
        let mechanism =
            reader.choice(
                "KAFKA_SASL_MECHANISM", default: "plain",
                of: [
                    "plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512",
                    "oauthbearer": "OAUTHBEARER", "gssapi": "GSSAPI",
                ],
                help:
                    "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI; what the last two need is set by "
                    + "KAFKA_PROPERTY_….") ?? "PLAIN"
        let user = reader.optionalString("KAFKA_SASL_USERNAME", help: "User for PLAIN and SCRAM.")
        let password = reader.secret("KAFKA_SASL_PASSWORD", help: "Password for PLAIN and SCRAM.")
        guard security.hasSASL else {
            if user != nil || password != nil {
                reader.mistake("KAFKA_SASL_…: KAFKA_SECURITY_PROTOCOL '\(security.rawValue)' has no SASL")
            }
            return [:]
        }
        var properties = ["sasl.mechanism": mechanism]
        guard mechanism == "PLAIN" || mechanism.hasPrefix("SCRAM") else { return properties }
        if user == nil || password == nil {
            reader.mistake("\(mechanism) needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
        }
        properties["sasl.username"] = user
        properties["sasl.password"] = password
        return properties
    }

    private static func ssl(_ security: Security, _ reader: inout SettingsReader) -> [String: String] {
        let ca = reader.optionalString(
            "KAFKA_SSL_CA",
            help: "PEM file or folder of the authorities that sign brokers' certificates; "
                + "empty: the system's.")
        let certificate = reader.optionalString(
            "KAFKA_SSL_CERT", help: "PEM file of the bridge's own certificate, for brokers that ask for one.")
        let key = reader.optionalString("KAFKA_SSL_KEY", help: "PEM file of that certificate's private key.")
        let password = reader.secret("KAFKA_SSL_KEY_PASSWORD", help: "Password of that key.")
        let given = [
            "ssl.ca.location": ca, "ssl.certificate.location": certificate, "ssl.key.location": key,
            "ssl.key.password": password,
        ].compactMapValues { $0 }
        if !given.isEmpty, !security.hasSSL {
            reader.mistake("KAFKA_SSL_…: KAFKA_SECURITY_PROTOCOL '\(security.rawValue)' has no TLS")
        }
        reader.expectBoth("KAFKA_SSL_CERT", certificate, "KAFKA_SSL_KEY", key)
        if password != nil, key == nil { reader.mistake("KAFKA_SSL_KEY_PASSWORD: there is no KAFKA_SSL_KEY") }
        return given
    }

    private static func further(_ reader: inout SettingsReader) -> [String: String] {
        var properties: [String: String] = [:]
        let given = reader.values(
            prefix: prefix, isSecret: { ["PASSWORD", "SECRET", "PEM"].contains(where: $0.contains) },
            help: "Any property of librdkafka: KAFKA_PROPERTY_SOCKET_KEEPALIVE_ENABLE=true sets "
                + "socket.keepalive.enable.")
        for (name, value) in given {
            let property = name.lowercased().replacing("_", with: ".")
            if let advice = own[property] {
                reader.mistake("\(prefix)\(name): \(property) is the bridge's own; \(advice)")
            } else {
                properties[property] = value
            }
        }
        return properties
    }
}
