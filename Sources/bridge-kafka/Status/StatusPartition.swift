import DequeModule
import KafkaClient
import NIOCore

/// The status updates of one assigned partition: one at a time and in order into Redis, then its offset to commit.
///
/// It does no I/O: events and time in, actions out. Each `check`, `write` and `deadLetter` is answered by
/// ``finished(_:_:)`` before the next one; what cannot be done now is done again after a growing pause, with
/// the partition paused.
struct StatusPartition {
    enum Action: Equatable {
        /// Compare the offset remembered in Redis with the partition's end: a topic that was made anew starts over.
        case check
        case write(offset: Int64, userID: String, data: ByteBuffer, version: StatusVersion?)
        /// Produce the ``StatusPartition/head`` to the dead-letter topic.
        case deadLetter(reason: String)
        case pause
        case resume
        /// The offset of the next record, as Kafka commits it.
        case commit(Int64)
    }

    enum Result: Equatable {
        case done
        /// Redis had taken this one before.
        case skipped
        /// A later one of the same thing has been there.
        case superseded
        /// Try again later.
        case failed
    }

    struct Limits {
        /// Records waiting, above which the partition is paused. What librdkafka handed over in the same batch still comes.
        var high = 1000
        /// Records waiting, below which it is read from again.
        var low = 250
        var firstRetry: TimeAmount = .milliseconds(100)
        var longestRetry: TimeAmount = .seconds(2)
        /// An offset is committed at the latest so long after it was reached.
        var commitAfter: TimeAmount = .milliseconds(500)
    }

    private enum Step: Equatable {
        case idle
        case working
        case waiting(until: NIODeadline)
    }

    private let userField: String
    private let versionFields: StatusVersion.Fields?
    let limits: Limits
    private var queue: Deque<KafkaMessage> = []
    private var step = Step.idle
    private var isChecked = false
    private var failures = 0
    private var isPaused = false
    private var isStopping = false
    private var reached: Int64?
    private var committed: Int64?
    private var commitAt: NIODeadline?

    init(
        userField: String, versionFields: StatusVersion.Fields? = nil, limits: Limits = Limits()
    ) {
        self.userField = userField
        self.versionFields = versionFields
        self.limits = limits
    }

    var waiting: Int { queue.count }

    /// The record that is under way, or comes next.
    var head: KafkaMessage? { queue.first }

    /// Whether a `write`, `deadLetter` or `check` has not been answered yet.
    var isWorking: Bool { step == .working }

    /// The offset to commit now, at a revocation or at shutdown; nil when all is committed.
    var uncommitted: Int64? { reached == committed ? nil : reached }

    var nextWakeUp: NIODeadline? {
        var next = commitAt
        if case .waiting(let until) = step { next = min(until, next ?? .distantFuture) }
        return next
    }

    /// The partition is assigned. librdkafka keeps it paused if it was so when it was revoked.
    mutating func start() -> [Action] {
        step = .working
        return [.resume, .check]
    }

    /// What is under way is finished, and nothing further begun.
    mutating func stop() { isStopping = true }

    mutating func arrived(_ records: some Sequence<KafkaMessage>) -> [Action] {
        queue.append(contentsOf: records)
        var actions: [Action] = []
        if queue.count >= limits.high { actions = pause() }
        return actions + next()
    }

    /// What was under way is over.
    mutating func finished(_ result: Result, _ now: NIODeadline) -> [Action] {
        guard step == .working else { return [] }
        guard result != .failed else {
            let doubled = limits.firstRetry.nanoseconds << Int64(min(failures, 10))
            step = .waiting(until: now + .nanoseconds(min(doubled, limits.longestRetry.nanoseconds)))
            failures += 1
            return pause()
        }
        failures = 0
        step = .idle
        if isChecked {
            if let record = queue.popFirst() {
                reached = record.offset + 1
                commitAt = commitAt ?? now + limits.commitAfter
            }
        } else {
            isChecked = true
        }
        var actions: [Action] = []
        if isPaused, queue.count <= limits.low {
            isPaused = false
            actions.append(.resume)
        }
        return actions + next()
    }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        if let due = commitAt, due <= now {
            commitAt = nil
            if let reached, reached != committed { actions.append(.commit(reached)) }
            committed = reached
        }
        if case .waiting(let until) = step, until <= now {
            step = .idle
            actions += next()
        }
        return actions
    }

    private mutating func pause() -> [Action] {
        guard !isPaused else { return [] }
        isPaused = true
        return [.pause]
    }

    private mutating func next() -> [Action] {
        guard step == .idle, !isStopping else { return [] }
        guard isChecked else {
            step = .working
            return [.check]
        }
        guard let record = queue.first else { return [] }
        step = .working
        switch StatusUpdate(record, userField: userField, versionFields: versionFields) {
        case .update(let userID, let data, let version):
            return [.write(offset: record.offset, userID: userID, data: data, version: version)]
        case .deadLetter(let reason): return [.deadLetter(reason: reason)]
        }
    }
}
