import NIOCore

/// Which of several bridges' sockets is tried, and when: one after the other, and after all of them a pause that grows.
struct BridgeSocketChoice {
    private let count: Int
    /// A random number from 0 to 1.
    private let jitter: () -> Double
    /// The one that is tried or used.
    private(set) var socket = 0
    /// Sockets that have failed one after the other.
    private var failed = 0
    private var pauses = 0

    init(count: Int, jitter: @escaping () -> Double) {
        self.count = count
        self.jitter = jitter
    }

    var hasOthers: Bool { count > 1 }

    /// A bridge has welcomed this edge.
    mutating func welcomed() { failed = 0 }

    /// A bridge has lasted.
    mutating func proven() { pauses = 0 }

    /// The socket has failed.
    ///
    /// - Returns: whether the next one is to be tried at once; else after a ``pause()``.
    mutating func lost() -> Bool {
        failed += 1
        socket = (socket + 1) % count
        guard failed >= count else { return true }
        failed = 0
        return false
    }

    /// How long to wait before the next attempt.
    mutating func pause() -> TimeAmount {
        let longest = BridgeLimits.longestBackoff.nanoseconds
        let doubled = BridgeLimits.firstBackoff.nanoseconds << Int64(min(pauses, 20))
        pauses += 1
        return .nanoseconds(Int64(Double(min(doubled, longest)) * (0.5 + 0.5 * jitter())))
    }
}
