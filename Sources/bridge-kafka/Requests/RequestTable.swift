import DequeModule
import NIOCore
import Shared

/// The requests that wait for a reply: matches replies by id alone, and knows which edge to tell.
///
/// It does no I/O: events and time in, actions out. `Edge` is a connection to an edge. An entry is freed by its final
/// reply, by a failure, by `cancel`, or one second after its timeout.
struct RequestTable<Edge> {
    enum Action {
        case reply(Edge, BridgeRequestID, final: Bool, ByteBuffer)
        case serviceError(Edge, BridgeRequestID, ByteBuffer)
        case fail(Edge, BridgeRequestID, BridgeFailure)
        case accept(Edge, BridgeRequestID)
        /// Nobody may have taken this reply, so it goes where whoever asks later finds it.
        case keep(BridgeRequestID, ReplyRecord.Content)
    }

    /// What became of a produced record.
    enum Delivery {
        case delivered
        /// Certainly not in Kafka.
        case notSent(String)
        case unknown(String)
    }

    struct Limits {
        var entries = 65_536
        /// Ids of requests that are over, kept to tell a late reply from an unknown one.
        var remembered = 65_536
        var orphans = OrphanReplies.Limits()
        /// Half of that, since at full load it is always full.
        var handedOver = OrphanReplies.Limits(bytes: 8 << 20)
        /// Longer timeouts count as this.
        var longestTimeout: TimeAmount
        /// The edge owns the deadline; this is how long after it the entry is freed if the edge says nothing.
        var grace: TimeAmount = .seconds(1)
    }

    private struct Entry {
        /// Nil when the edge's connection broke and it has not come back yet.
        var edge: Edge?
        var isEvent = false
        /// Whether the reply is kept although the edge takes it.
        var keepsReply = false
        /// What came while the edge was away.
        var missed = KeptReplies()
        let since: NIODeadline
    }

    private enum Ending { case answered, abandoned }

    let limits: Limits
    private var entries: [BridgeRequestID: Entry] = [:]
    private var tokens: [UInt64: BridgeRequestID] = [:]
    private var lastToken: UInt64 = 0
    private var deadlines = DeadlineQueue<BridgeRequestID>()
    private var endings: [BridgeRequestID: Ending] = [:]
    private var endingOrder: Deque<BridgeRequestID> = []
    private var orphans: OrphanReplies
    /// Answers that were handed to an edge and are kept nowhere else. One that its edge did not take, since the deadline
    /// or the end of their connection crossed it, is still to be had.
    private var handedOver: OrphanReplies
    var counters = Counters()

    init(limits: Limits) {
        self.limits = limits
        orphans = OrphanReplies(limits: limits.orphans)
        handedOver = OrphanReplies(limits: limits.handedOver)
    }

    var inFlight: Int { entries.count }
    /// Whether any connected edge waits for something.
    var isAnyoneWaiting: Bool { entries.values.contains { $0.edge != nil } }

    /// Since when the oldest one waits.
    var oldest: NIODeadline? { entries.values.map(\.since).min() }

    var orphanBytes: Int { orphans.bytes }
    var handedOverBytes: Int { handedOver.bytes }

    /// The earliest time at which ``tick(_:)`` has something to do.
    mutating func nextWakeUp() -> NIODeadline? {
        [deadlines.next(), orphans.nextExpiry, handedOver.nextExpiry].compactMap { $0 }.min()
    }

    // MARK: - From the edges

    /// Registers a request, or an event, that is about to be produced.
    ///
    /// - Returns: the token to produce it with.
    mutating func begin(
        _ id: BridgeRequestID, edge: Edge, timeout: Duration, isEvent: Bool = false, keepsReply: Bool = false,
        _ now: NIODeadline
    ) throws(BridgeFailure) -> UInt64 {
        guard entries[id] == nil else { throw BridgeFailure(.duplicateID, message: "id is in use") }
        guard entries.count < limits.entries else {
            throw BridgeFailure(.queueFull, message: "the bridge has too much in flight", retryAfter: 1)
        }
        if isEvent { counters.events += 1 } else { counters.requests += 1 }
        insert(
            id, Entry(edge: edge, isEvent: isEvent, keepsReply: keepsReply, since: now),
            timeout: isEvent ? nil : timeout, now)
        lastToken += 1
        tokens[lastToken] = id
        return lastToken
    }

    /// The record with this token could not be produced, so no report will follow.
    mutating func rejected(_ token: UInt64, _ failure: BridgeFailure) -> [Action] {
        guard let id = tokens.removeValue(forKey: token) else { return [] }
        return fail(id, failure)
    }

    /// Whether the request of this token still waits to be produced; if not, the token is over.
    mutating func isWaiting(_ token: UInt64) -> Bool {
        guard let id = tokens[token] else { return false }
        if entries[id] == nil { tokens[token] = nil }
        return entries[id] != nil
    }

    /// Counts a request that is refused before it is registered.
    mutating func refused(_ failure: BridgeFailure) { counters.refused[failure.code, default: 0] += 1 }

    /// The edge no longer waits; a record that is under way goes on. An answer that has crossed this was not taken.
    mutating func cancelled(_ id: BridgeRequestID) -> [Action] {
        end(id, .abandoned, \.cancelled)
        return handedOver.take(id).map { .keep(id, $0) }
    }

    /// The connection of these is gone; they are kept for the edge to come back, unless it has done so already.
    mutating func disconnected(_ ids: some Sequence<BridgeRequestID>, isSame: (Edge) -> Bool) {
        for id in ids {
            if let edge = entries[id]?.edge, isSame(edge) { entries[id]?.edge = nil }
        }
    }

    /// An edge still waits for the reply to a request of an earlier connection, maybe to an earlier bridge.
    mutating func resumed(
        _ id: BridgeRequestID, edge: Edge, timeout: Duration, _ now: NIODeadline
    ) -> [Action] {
        counters.resumed += 1
        let missed = (entries[id]?.missed.contents ?? []) + orphans.take(id) + handedOver.take(id)
        if entries[id] == nil { counters.adopted += 1 }
        insert(id, Entry(edge: edge, since: entries[id]?.since ?? now), timeout: timeout, now)
        var actions: [Action] = []
        for content in missed { actions += answer(id, content, now) }
        // Only its former bridge knew whether the reply is to be kept; what was missed is.
        entries[id]?.keepsReply = true
        return actions
    }

    private mutating func insert(
        _ id: BridgeRequestID, _ entry: Entry, timeout: Duration?, _ now: NIODeadline
    ) {
        entries[id] = entry
        let wait = timeout.map { min(TimeAmount($0), limits.longestTimeout) } ?? limits.longestTimeout
        deadlines.insert(id, at: now + wait + limits.grace)
    }

    // MARK: - From Kafka

    mutating func reported(_ token: UInt64, _ delivery: Delivery) -> [Action] {
        guard let id = tokens.removeValue(forKey: token), let entry = entries[id] else { return [] }
        switch delivery {
        case .delivered:
            guard entry.isEvent else { return [] }
            end(id, .answered, \.accepted)
            return entry.edge.map { [.accept($0, id)] } ?? []
        case .notSent(let reason):
            return fail(id, BridgeFailure(.sendFailed, message: reason, retryAfter: 1))
        case .unknown(let reason):
            counters.unconfirmed += 1
            // The message may be there, and then its reply will come; the edge's deadline bounds the wait.
            guard entry.isEvent else { return [] }
            return fail(id, BridgeFailure(.sendUnconfirmed, message: reason))
        }
    }

    mutating func replied(_ record: ReplyRecord, _ now: NIODeadline) -> [Action] {
        guard let text = record.id, !text.isEmpty else {
            counters.replies.withoutID += 1
            return []
        }
        guard let id = BridgeRequestID(text) else {
            counters.replies.unknown += 1
            return []
        }
        if let entry = entries[id], !entry.isEvent {
            guard entry.edge == nil else { return answer(id, record.content, now) }
            guard entries[id]?.missed.add(record.content) == true else {
                counters.replies.duplicate += 1
                return []
            }
            return [.keep(id, record.content)]
        }
        switch endings[id] {
        case .answered:
            counters.replies.duplicate += 1
            return []
        case .abandoned: counters.replies.late += 1
        case nil: counters.replies.unknown += orphans.add(id, record.content, now)
        }
        return [.keep(id, record.content)]
    }

    private mutating func answer(
        _ id: BridgeRequestID, _ content: ReplyRecord.Content, _ now: NIODeadline
    ) -> [Action] {
        guard let entry = entries[id], let edge = entry.edge else {
            counters.replies.duplicate += 1
            return []
        }
        let kept: [Action] = entry.keepsReply ? [.keep(id, content)] : []
        if !entry.keepsReply { _ = handedOver.add(id, content, now) }
        switch content {
        case .value(let body, let final):
            if final {
                counters.replies.delivered += 1
                end(id, .answered, \.answered)
            } else {
                counters.replies.partial += 1
            }
            return kept + [.reply(edge, id, final: final, body)]
        case .error(let error):
            counters.replies.delivered += 1
            end(id, .answered, \.serviceErrors)
            return kept + [.serviceError(edge, id, error)]
        case .unreadable(let reason):
            counters.replies.unreadable += 1
            end(id, .answered, \.unreadable)
            return kept + [.fail(edge, id, BridgeFailure(.unreadableReply, message: reason))]
        }
    }

    // MARK: - Ends

    private mutating func fail(_ id: BridgeRequestID, _ failure: BridgeFailure) -> [Action] {
        guard let entry = entries[id] else { return [] }
        end(id, .abandoned, \.failed)
        counters.failures[failure.code, default: 0] += 1
        return entry.edge.map { [.fail($0, id, failure)] } ?? []
    }

    private mutating func end(
        _ id: BridgeRequestID, _ ending: Ending, _ count: WritableKeyPath<Counters.Ended, Int>
    ) {
        guard entries.removeValue(forKey: id) != nil else { return }
        counters.ended[keyPath: count] += 1
        deadlines.remove(id)
        if endings.updateValue(ending, forKey: id) == nil { endingOrder.append(id) }
        if endingOrder.count > limits.remembered, let oldest = endingOrder.popFirst() {
            endings[oldest] = nil
        }
    }

    mutating func tick(_ now: NIODeadline) {
        while let id = deadlines.popDue(now) { end(id, .abandoned, \.expired) }
        counters.replies.unknown += orphans.expire(now)
        _ = handedOver.expire(now)
    }
}
