import Synchronization

/// What the bridge lacks, as the admin server shows it. Written on the event loop, read anywhere.
final class BridgeReadiness: Sendable {
    enum Part: Int, CaseIterable {
        case draining, broker, replies, status, socket
    }

    private let problems = Mutex<[Part: String]>([
        .broker: "kafka: not reached yet", .replies: "replies: no partition is assigned yet",
        .socket: "socket: not listening yet",
    ])

    func set(_ part: Part, _ problem: String?) {
        problems.withLock { $0[part] = problem }
    }

    /// Whether nothing is missing but the socket, which is taken then.
    var canListen: Bool { problems.withLock { $0.keys.allSatisfy { $0 == .socket } } }

    var missing: [String] {
        problems.withLock { problems in Part.allCases.compactMap { problems[$0] } }
    }
}
