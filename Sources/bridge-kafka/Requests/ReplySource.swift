import Shared

/// The partition of the reply topic in which a bridge's replies come in, as bridges tell it to each other through the
/// edges. The number is known only where it is set; else it follows from the instance and the number of partitions.
enum ReplySource: Hashable, Sendable {
    case partition(Int)
    case instance(String)

    init(partition: Int?, instance: String) {
        self = partition.map { .partition($0) } ?? .instance(instance)
    }

    /// Nil when no bridge writes it so.
    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("partition", 2):
            guard let number = Int(parts[1]), (0..<10_000).contains(number) else { return nil }
            self = .partition(number)
        case ("instance", 2) where !parts[1].isEmpty: self = .instance(String(parts[1]))
        default: return nil
        }
    }

    var text: String {
        switch self {
        case .partition(let number): "partition:\(number)"
        case .instance(let name): "instance:\(name)"
        }
    }

    /// - Parameter count: of partitions.
    func number(of count: Int) -> Int32 {
        switch self {
        case .partition(let number): Int32(number)
        case .instance(let name): ReplyPartition.of(instance: name, partitions: count)
        }
    }
}
