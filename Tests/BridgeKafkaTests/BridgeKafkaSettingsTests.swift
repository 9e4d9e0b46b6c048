import Shared
import Testing

@testable import bridge_kafka

@Suite struct BridgeKafkaSettingsTests {
    @Test func theReplyPartitionFollowsTheInstanceAlone() {
        let partitions = (0..<100).map { ReplyPartition.of(instance: "bridge-\($0)", partitions: 8) }
        #expect(partitions == (0..<100).map { ReplyPartition.of(instance: "bridge-\($0)", partitions: 8) })
        #expect(Set(partitions) == Set(0..<8))
    }

    @Test func everyWrongSettingIsNamed() {
        let values = [
            "KAFKA_REPLY_TOPIC": "a b", "KAFKA_STATUS_TOPICS": #"["ok","no/pe"]"#,
            "KAFKA_DEAD_LETTER_TOPIC": "..", "BRIDGE_ALLOWED_UIDS": "[-1]", "BRIDGE_WINDOW": "0",
        ]
        var reader = SettingsReader(value: { values[$0] }, readFile: { _ in "" })
        _ = BridgeKafkaSettings(from: &reader)
        #expect(reader.mistakes.count == 5, "\(reader.mistakes)")
    }

    private func kafka(_ values: [String: String]) -> (properties: [String: String], mistakes: [String]) {
        var reader = SettingsReader(
            value: { values[$0] }, names: { Array(values.keys) },
            readFile: { path in
                guard path == "/secret" else { throw CancellationError() }
                return "word\n"
            })
        let kafka = KafkaProperties(from: &reader)
        return (kafka.properties, reader.mistakes)
    }

    @Test func securityBecomesProperties() {
        #expect(kafka([:]).properties == ["security.protocol": "plaintext"])
        let (properties, mistakes) = kafka([
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "scram-sha-512",
            "KAFKA_SASL_USERNAME": "bridge", "KAFKA_SASL_PASSWORD_FILE": "/secret",
            "KAFKA_PROPERTY_SOCKET_KEEPALIVE_ENABLE": "true",
        ])
        #expect(mistakes.isEmpty, "\(mistakes)")
        #expect(
            properties == [
                "security.protocol": "sasl_plaintext", "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "bridge", "sasl.password": "word", "socket.keepalive.enable": "true",
            ])
    }

    @Test(arguments: [
        (["KAFKA_SECURITY_PROTOCOL": "tls"], "is none of plaintext, ssl"),
        (["KAFKA_SASL_USERNAME": "u"], "'plaintext' has no SASL"),
        (["KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SASL_PASSWORD": "p"], "'ssl' has no SASL"),
        (["KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_USERNAME": "u"], "PLAIN needs"),
        (
            [
                "KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_MECHANISM": "x",
                "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "p",
            ],
            "is none of plain, scram"
        ),
        (["KAFKA_SSL_CA": "/etc/ssl/certs"], "'plaintext' has no TLS"),
        (["KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CERT": "/c"], "set both or neither"),
        (["KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_KEY_PASSWORD": "p"], "there is no KAFKA_SSL_KEY"),
        (["KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CA": "/nonexistent"], "ssl.ca.location failed"),
        (["KAFKA_PROPERTY_NO_SUCH_THING": "1"], "No such configuration property: \"no.such.thing\""),
        (["KAFKA_PROPERTY_LINGER_MS": "soon"], "linger.ms: Invalid value"),
        (["KAFKA_PROPERTY_ACKS": "0"], "acks is the bridge's own; it stays all"),
        (["KAFKA_PROPERTY_BOOTSTRAP_SERVERS": "x"], "set KAFKA_BROKER"),
        (["KAFKA_PROPERTY_HEARTBEAT_INTERVAL_MS": "90000000"], "outside allowed range"),
        (["KAFKA_PROPERTY_SESSION_TIMEOUT_MS": "400000"], "max.poll.interval.ms"),
    ])
    func wrongOnesAreNamed(_ values: [String: String], _ words: String) {
        let mistakes = kafka(values).mistakes
        #expect(mistakes.count == 1 && mistakes[0].contains(words), "\(mistakes)")
    }

    @Test func secretsAreNotShown() {
        let values = ["KAFKA_PROPERTY_SSL_KEYSTORE_PASSWORD": "x", "KAFKA_PROPERTY_LINGER_MS": "1"]
        var reader = SettingsReader(
            value: { values[$0] }, names: { Array(values.keys) }, readFile: { _ in "" })
        _ = KafkaProperties(from: &reader)
        let shown = reader.settings.filter { $0.name.hasPrefix("KAFKA_PROPERTY_") && !$0.isPrefix }
        #expect(shown.map(\.isSecret) == [false, true], "\(shown.map(\.name))")
    }
}
