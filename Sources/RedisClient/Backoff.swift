import NIOCore

/// The pauses between attempts to connect: doubled each time, and jittered so that replicas do not come back in step.
struct Backoff {
    static let first = TimeAmount.milliseconds(50)
    static let longest = TimeAmount.seconds(2)

    private var current = first

    /// The next pause: between half of the current step and all of it.
    ///
    /// - Parameter random: from 0 to 1.
    mutating func next(random: Double) -> TimeAmount {
        defer { current = min(current * 2, Self.longest) }
        return .nanoseconds(Int64(Double(current.nanoseconds) * (0.5 + random / 2)))
    }

    mutating func reset() { current = Self.first }
}
