import KafkaClient

/// What the cluster does not let the bridge read. librdkafka says it and tries on, so that nothing is broken, and yet there
/// are no updates.
///
/// It does no I/O.
struct StatusAccess {
    /// Why, in librdkafka's words, by topic; nil is the group.
    private var refusals: [String?: String] = [:]

    var problem: String? {
        refusals.isEmpty ? nil : Set(refusals.values).sorted().joined(separator: "; ")
    }

    mutating func refused(_ topic: String?, _ reason: String) { refusals[topic] = reason }

    /// The other topics of the group are assigned without one that is refused. A bridge without any partition has nothing
    /// to read.
    mutating func assigned(_ partitions: [TopicPartition]) {
        refusals[nil] = nil
        if partitions.isEmpty { refusals = [:] }
        for partition in partitions { refusals[partition.topic] = nil }
    }

    /// Another error than a refusal.
    mutating func failed(_ topic: String?) {
        if let topic { refusals[topic] = nil }
    }

    mutating func received(_ topic: String) {
        guard !refusals.isEmpty else { return }
        refusals[topic] = nil
        refusals[nil] = nil
    }
}
