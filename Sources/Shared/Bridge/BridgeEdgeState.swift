import NIOCore

extension BridgeEdgeMachine {
    var pendingCount: Int { pending.count }
    /// Since when the oldest request waits.
    var oldest: NIODeadline? { pending.values.map(\.since).min() }
    /// Requests that may wait at a time; nil without a bridge.
    var window: Int? { missing == nil ? lastWindow : nil }

    enum Action {
        /// To the socket of this number.
        case connect(Connection, socket: Int)
        case send(Connection, BridgeMessage)
        /// Flush, close, and report nothing further from it.
        case close(Connection)
        /// Frames of up to this many bytes may be read and written from now on.
        case limitFrames(Connection, Int)
        case complete(Waiter, BridgeOutcome)
    }

    enum Phase {
        case stopped
        case waiting(until: NIODeadline)
        case connecting(Connection)
        case handshaking(Connection, until: NIODeadline)
        case ready(Connection)

        func isReady(besides connection: Connection) -> Bool {
            if case .ready(let ready) = self { return ready != connection }
            return false
        }
    }

    /// A connection that is open: the one that shakes hands, the ready one, or one that drains.
    struct Link {
        var keepalive: BridgeKeepalive
        var readySince: NIODeadline?
        var window = 0
        var inFlight = 0
        var replySource: String?
    }

    struct Pending {
        let request: BridgeRequest
        let waiter: Waiter
        let since: NIODeadline
        let deadline: NIODeadline
        var connection: Connection?
        /// No bridge has taken it: it waits for the next one.
        var isUnsent = false
        /// Where its reply comes in.
        var replySource: String?
        /// The last value that was not final.
        var kept: ByteBuffer?
    }

    static var bridgeAway: BridgeFailure {
        BridgeFailure(
            .bridgeUnavailable, message: "the gateway's connection to Kafka is away; nothing was sent",
            retryAfter: 1)
    }
}

extension ByteBuffer {
    var isJSONNull: Bool { readableBytesView.elementsEqual("null".utf8) }
}
