internal import CRdkafka

extension KafkaConfiguration {
    /// What librdkafka says of properties that it does not take, by their own and together, in its own words; nothing is
    /// connected to. Files that they name are read.
    public static func problems(of properties: [String: String]) -> [String] {
        var problems: [String] = []
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            do throws(KafkaError) {
                rd_kafka_conf_destroy(try KafkaConfiguration.empty([name: value]).make([:], events: 0))
            } catch {
                problems.append("\(name): \(error.message)")
            }
        }
        guard problems.isEmpty else { return problems }
        do throws(KafkaError) {
            let conf = try KafkaConfiguration.empty(properties)
                .make(KafkaConsumer.properties(fetchWait: .milliseconds(1)), events: 0)
            var reason = [CChar](repeating: 0, count: 512)
            if let client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, &reason, reason.count) {
                rd_kafka_destroy(client)
            } else {
                rd_kafka_conf_destroy(conf)
                problems.append(String(nulTerminated: reason))
            }
        } catch {
            problems.append(error.message)
        }
        return problems
    }

    /// Of no cluster.
    private static func empty(_ properties: [String: String]) -> KafkaConfiguration {
        var configuration = KafkaConfiguration(brokers: "", clientID: "check")
        configuration.properties = properties
        return configuration
    }
}
