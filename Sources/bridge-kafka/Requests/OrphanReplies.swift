import DequeModule
import NIOCore
import Shared

/// What came for one request while its edge was away: the last value before the end, and the end.
///
/// That is all an edge uses of a stream, so nothing more is kept.
struct KeptReplies {
    private var value: ReplyRecord.Content?
    private var end: ReplyRecord.Content?

    /// - Returns: false when the end was there already, and this is a duplicate.
    mutating func add(_ content: ReplyRecord.Content) -> Bool {
        guard end == nil else { return false }
        if content.isFinal { end = content } else { value = content }
        return true
    }

    var contents: [ReplyRecord.Content] { [value, end].compactMap { $0 } }
    var byteCount: Int { contents.reduce(0) { $0 + $1.byteCount } }
}

extension ReplyRecord.Content {
    var isFinal: Bool {
        if case .value(_, final: false) = self { return false }
        return true
    }

    var byteCount: Int {
        switch self {
        case .value(let bytes, _), .error(let bytes): bytes.readableBytes
        case .unreadable(let reason): reason.utf8.count
        }
    }
}

/// Replies nobody waits for yet: a bridge that has just started reads what came while there was none, and the edges
/// resume their requests a little later. Bounded by bytes and by age; what leaves unclaimed was unknown.
struct OrphanReplies {
    struct Limits {
        var bytes = 16 << 20
        /// Longer than an edge's longest pause between attempts to connect, and than the drain of a bridge that is replaced.
        var age: TimeAmount = .seconds(30)
    }

    /// What an entry takes beside its bytes, so that empty ones are bounded too.
    static let overhead = 256

    private struct Orphan {
        var kept = KeptReplies()
        var bytes = OrphanReplies.overhead
    }

    private let limits: Limits
    private var orphans: [BridgeRequestID: Orphan] = [:]
    /// In order of arrival, and so of expiry; may name ids that were taken.
    private var order: Deque<(id: BridgeRequestID, expiry: NIODeadline)> = []
    private(set) var bytes = 0

    init(limits: Limits) {
        self.limits = limits
    }

    var nextExpiry: NIODeadline? { order.first?.expiry }

    /// Keeps a reply.
    ///
    /// - Returns: how many requests' replies were given up for it, the oldest first.
    mutating func add(_ id: BridgeRequestID, _ content: ReplyRecord.Content, _ now: NIODeadline) -> Int {
        guard content.byteCount + Self.overhead <= limits.bytes else { return 1 }
        var orphan = orphans[id] ?? Orphan()
        if orphans[id] == nil { order.append((id, now + limits.age)) } else { bytes -= orphan.bytes }
        _ = orphan.kept.add(content)
        orphan.bytes = orphan.kept.byteCount + Self.overhead
        orphans[id] = orphan
        bytes += orphan.bytes
        var dropped = 0
        while bytes > limits.bytes, !order.isEmpty { dropped += dropOldest() }
        return dropped
    }

    mutating func take(_ id: BridgeRequestID) -> [ReplyRecord.Content] {
        guard let orphan = orphans.removeValue(forKey: id) else { return [] }
        bytes -= orphan.bytes
        return orphan.kept.contents
    }

    /// - Returns: how many requests' replies were given up.
    mutating func expire(_ now: NIODeadline) -> Int {
        var dropped = 0
        while let first = order.first, first.expiry <= now { dropped += dropOldest() }
        return dropped
    }

    private mutating func dropOldest() -> Int {
        guard let oldest = order.popFirst() else { return 0 }
        return take(oldest.id).isEmpty ? 0 : 1
    }
}
