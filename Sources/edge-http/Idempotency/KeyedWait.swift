import ResponseCache
import Shared

/// What a request with a key does next, by what the key's record says: send, answer, or look again after a pause, until
/// its own deadline.
///
/// It does no I/O: states and time in, steps out.
struct KeyedWait {
    enum Step: Equatable {
        /// This is the one request of this key whose message is sent.
        case send
        case replay(StoredAnswer)
        /// Write this answer into the record and give it.
        case settle(OperationHead, BridgeOutcome)
        case refuseOtherBody
        case look(after: Duration)
        /// The request with this id is in flight for at most so many seconds more.
        case leaveInFlight(BridgeRequestID, retryAfter: Int)
        case leaveUnknown(BridgeRequestID)
    }

    static let firstPause = Duration.milliseconds(20)
    static let longestPause = Duration.milliseconds(250)

    private var deadline: ContinuousClock.Instant
    private var pause = Self.firstPause

    init(until deadline: ContinuousClock.Instant) { self.deadline = deadline }

    mutating func next(_ state: KeyState, _ now: ContinuousClock.Instant) -> Step {
        switch state {
        case .new: .send
        case .answered(let answer): .replay(answer)
        case .otherBody: .refuseOtherBody
        case .replied(let head, let outcome): .settle(head, outcome)
        case .inFlight(let id, let left):
            look(now) ?? .leaveInFlight(id, retryAfter: max(1, Int(left.components.seconds) + 1))
        case .unknown(let id): look(now) ?? .leaveUnknown(id)
        }
    }

    /// Waits no longer: the client has gone.
    mutating func stop(_ now: ContinuousClock.Instant) { deadline = min(deadline, now) }

    private mutating func look(_ now: ContinuousClock.Instant) -> Step? {
        guard now < deadline else { return nil }
        defer { pause = min(pause * 2, Self.longestPause) }
        return .look(after: min(pause, deadline - now))
    }
}
