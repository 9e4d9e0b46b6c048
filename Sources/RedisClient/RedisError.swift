/// Why a command has no result.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        case notConnected = "not connected"
        /// As many commands or bytes wait as the configuration allows.
        case queueFull = "queue full"
        /// No reply within the command timeout.
        case timedOut = "timed out"
        case connectionLost = "connection lost"
        /// Redis answered with an error; the message is its text.
        case server = "error reply"
        /// The reply is not of the kind that the command has.
        case unexpectedReply = "unexpected reply"
        case protocolViolation = "protocol violation"
    }

    /// What is known about the command's effect.
    public enum Outcome: Sendable {
        /// Certainly never executed: safe to send again.
        case notExecuted
        case unknown
        /// Redis answered. A script that fails half-way keeps what it did before.
        case answered
    }

    public let code: Code
    public let outcome: Outcome
    public let message: String

    public init(_ code: Code, _ outcome: Outcome, _ message: String = "") {
        self.code = code
        self.outcome = outcome
        self.message = message
    }

    /// What Redis refuses for a while, until it has room, its data, its primary or its replicas again.
    private static let passing: Set<Substring> = [
        "OOM", "MISCONF", "NOREPLICAS", "READONLY", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN",
        "TRYAGAIN",
    ]

    /// Whether Redis may take the same command later.
    public var mayPass: Bool {
        guard outcome == .answered else { return true }
        let words = message.split(separator: " ")
        // Before Redis 7 the code of what a script has called stands in the text, behind a hyphen.
        let codes = words.prefix(1) + words.filter { $0.first == "-" }.map { $0.dropFirst() }
        return codes.contains(where: Self.passing.contains)
    }

    public var description: String { message.isEmpty ? code.rawValue : "\(code.rawValue): \(message)" }
}
