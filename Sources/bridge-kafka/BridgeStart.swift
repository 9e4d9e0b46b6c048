import KafkaClient
import Shared

extension KafkaConfiguration {
    /// What all of the bridge's clients have in common.
    init(_ settings: BridgeKafkaSettings, _ common: CommonSettings) {
        self.init(brokers: settings.broker, clientID: "\(common.app)-\(common.instance)")
        properties = settings.kafka.properties
            .merging(["statistics.interval.ms": "5000"]) { own, _ in own }
    }
}

/// Why the bridge is not at its reply partition yet.
struct StartError: Error, CustomStringConvertible {
    let description: String
}
