import DequeModule
import NIOCore
import Shared

/// Replies on their way to Redis, in the order in which they came: so many at a time, and again after a pause when
/// Redis is away. Bounded by bytes; at the cap the oldest that waits is given up and counted.
///
/// It does no I/O: events and time in, replies to write out. Each is answered by one ``finished(_:_:_:)``.
struct KeptReplyQueue {
    struct Limits {
        var bytes = 64 << 20
        /// Replies that are being written.
        var atOnce = 256
        var retry: TimeAmount = .milliseconds(250)
    }

    struct Reply: Equatable {
        /// Counts replies, so that those which are tried again keep their order.
        let number: UInt64
        let id: BridgeRequestID
        let content: ReplyRecord.Content

        fileprivate var bytes: Int { content.byteCount + OrphanReplies.overhead }
    }

    enum Result {
        case written
        /// Redis may take it later; writing it twice does no harm.
        case failed
        /// Redis has refused it, and would again.
        case refused
    }

    let limits: Limits
    private var waiting: Deque<Reply> = []
    private var underWay: [UInt64: Reply] = [:]
    private var lastNumber: UInt64 = 0
    private var retryAt: NIODeadline?
    private(set) var bytes = 0
    private(set) var counters = Counters.Kept()

    init(limits: Limits = Limits()) { self.limits = limits }

    var isIdle: Bool { waiting.isEmpty && underWay.isEmpty }
    var count: Int { waiting.count + underWay.count }

    /// The earliest time at which ``tick(_:)`` has something to do.
    var nextWakeUp: NIODeadline? { retryAt }

    mutating func add(_ id: BridgeRequestID, _ content: ReplyRecord.Content) -> [Reply] {
        lastNumber += 1
        let reply = Reply(number: lastNumber, id: id, content: content)
        waiting.append(reply)
        bytes += reply.bytes
        while bytes > limits.bytes, let oldest = waiting.popFirst() { give(up: oldest) }
        return next()
    }

    mutating func finished(_ number: UInt64, _ result: Result, _ now: NIODeadline) -> [Reply] {
        guard let reply = underWay.removeValue(forKey: number) else { return [] }
        switch result {
        case .written:
            counters.written += 1
            bytes -= reply.bytes
        case .refused: give(up: reply)
        case .failed:
            counters.retries += 1
            let place = waiting.firstIndex { $0.number > number } ?? waiting.endIndex
            waiting.insert(reply, at: place)
            if retryAt == nil { retryAt = now + limits.retry }
        }
        return next()
    }

    mutating func tick(_ now: NIODeadline) -> [Reply] {
        guard let retryAt, retryAt <= now else { return [] }
        self.retryAt = nil
        return next()
    }

    private mutating func next() -> [Reply] {
        guard retryAt == nil else { return [] }
        var replies: [Reply] = []
        while underWay.count < limits.atOnce, let reply = waiting.popFirst() {
            underWay[reply.number] = reply
            replies.append(reply)
        }
        return replies
    }

    private mutating func give(up reply: Reply) {
        bytes -= reply.bytes
        counters.lost += 1
    }
}
