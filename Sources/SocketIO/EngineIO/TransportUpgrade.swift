import NIOCore

/// A polling session's change to WebSocket: one candidate at a time, which probes before it takes over.
///
/// It does no I/O: packets and time in, steps out.
struct TransportUpgrade: Equatable {
    enum Step: Equatable {
        /// Answer with a pong that has this data, and let go the GET that waits: the client sends no `upgrade` before.
        case probed(ByteBuffer)
        /// The candidate is the transport.
        case upgraded
        /// Close the candidate; polling goes on.
        case failed
    }

    private enum Phase: Equatable {
        case none
        case candidate(until: NIODeadline, isProbed: Bool)
    }

    private let timeout: TimeAmount
    private var phase = Phase.none

    init(timeout: TimeAmount) { self.timeout = timeout }

    /// Whether there is a candidate.
    var isUnderWay: Bool { phase != .none }

    var isProbed: Bool {
        if case .candidate(_, isProbed: true) = phase { return true }
        return false
    }

    /// When a candidate that has not taken over fails.
    var deadline: NIODeadline? {
        if case .candidate(let until, _) = phase { return until }
        return nil
    }

    /// A WebSocket wants to be the candidate: false when there is one.
    mutating func begin(_ now: NIODeadline) -> Bool {
        guard !isUnderWay else { return false }
        phase = .candidate(until: now + timeout, isProbed: false)
        return true
    }

    /// - Parameter packet: what the candidate has sent; nil for a message that is no packet.
    mutating func received(_ packet: EnginePacket?) -> Step? {
        guard case .candidate(let until, let isProbed) = phase else { return nil }
        switch packet {
        case .ping(let data)? where data == ByteBuffer(string: "probe"):
            phase = .candidate(until: until, isProbed: true)
            return .probed(data)
        case .upgrade? where isProbed:
            phase = .none
            return .upgraded
        default:
            phase = .none
            return .failed
        }
    }

    /// Whether the candidate has run out of time just now.
    mutating func expired(_ now: NIODeadline) -> Bool {
        guard let deadline, deadline <= now else { return false }
        phase = .none
        return true
    }

    /// The candidate is gone.
    mutating func end() { phase = .none }
}
