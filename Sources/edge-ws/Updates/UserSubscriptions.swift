import NIOCore
import Shared

/// Which users have sockets here, and what each of them has been sent: live updates, and after a gap in the
/// subscription those that were missed, once and in order.
///
/// It does no I/O: events and time in, actions out. `Waiter` is someone who joins and waits for the subscription.
struct UserSubscriptions<Waiter> {
    enum Action {
        case subscribe(String)
        case unsubscribe(String)
        case joined(Waiter)
        case emit(String, UserUpdate)
        /// Ask for the id of the user's latest update; ``readLast(_:of:generation:clock:)`` is the answer.
        case readLast(String, generation: UInt64)
        /// Ask for up to ``UserSubscriptions/page`` updates after an id; ``read(_:of:generation:_:)`` is the answer.
        case read(String, after: StreamID, generation: UInt64)
    }

    private enum Phase: Equatable {
        /// Where the history ends is asked for before the subscription, so that nothing falls in between.
        case starting
        case subscribing
        /// What was missed is being read; what comes meanwhile is held back.
        case catchingUp
        case waitingToCatchUp(until: NIODeadline)
        case live
    }

    private struct User {
        /// Tells answers for this subscription from those for an earlier one.
        var generation: UInt64
        var sockets = 0
        var phase = Phase.starting
        /// The last update that was emitted, or at first the last one before the user came.
        var position = StreamID(milliseconds: 0)
        var waiters: [Waiter] = []
        var held: [UserUpdate] = []
    }

    /// Updates in one read of a history.
    static var page: Int { 500 }
    /// Updates that are held back while a history is read; beyond it they are read from the history as well.
    static var maxHeld: Int { 1000 }
    static var retryAfter: TimeAmount { .seconds(1) }

    private var users: [String: User] = [:]
    private var lastGeneration: UInt64 = 0

    var count: Int { users.count }

    /// The earliest time at which ``tick(_:)`` has something to do.
    private(set) var nextWakeUp: NIODeadline?

    // MARK: - Sockets

    mutating func join(_ id: String, waiter: Waiter) -> [Action] {
        guard var user = users[id] else {
            let generation = nextGeneration()
            users[id] = User(generation: generation, sockets: 1, waiters: [waiter])
            return [.readLast(id, generation: generation)]
        }
        defer { users[id] = user }
        user.sockets += 1
        guard user.phase == .starting || user.phase == .subscribing else { return [.joined(waiter)] }
        user.waiters.append(waiter)
        return []
    }

    mutating func leave(_ id: String) -> [Action] {
        guard var user = users[id] else { return [] }
        user.sockets -= 1
        guard user.sockets <= 0 else {
            users[id] = user
            return []
        }
        users[id] = nil
        return [.unsubscribe(id)] + user.waiters.map { .joined($0) }
    }

    // MARK: - Redis

    /// - Parameters:
    ///   - last: nil inside for an empty history, nil when Redis could not be asked.
    ///   - clock: this host's clock, which has to do when Redis could not be asked.
    mutating func readLast(
        _ last: StreamID??, of id: String, generation: UInt64, clock: StreamID
    ) -> [Action] {
        guard users[id]?.generation == generation, users[id]?.phase == .starting else { return [] }
        users[id]?.position = (last ?? clock) ?? StreamID(milliseconds: 0)
        users[id]?.phase = .subscribing
        return [.subscribe(id)]
    }

    /// The subscription is there, for the first time or after a gap.
    mutating func subscribed(_ id: String) -> [Action] {
        guard var user = users[id], user.phase != .starting else { return [] }
        defer { users[id] = user }
        user.generation = nextGeneration()
        user.phase = .catchingUp
        defer { user.waiters = [] }
        return user.waiters.map { .joined($0) }
            + [.read(id, after: user.position, generation: user.generation)]
    }

    mutating func received(_ update: UserUpdate, for id: String) -> [Action] {
        guard var user = users[id] else { return [] }
        defer { users[id] = user }
        guard user.phase == .live else {
            if user.held.count < Self.maxHeld { user.held.append(update) }
            return []
        }
        return Self.take(&user, id, [update])
    }

    /// - Parameter updates: in order, at most ``page`` of them; nil when they could not be read.
    mutating func read(
        _ updates: [UserUpdate]?, of id: String, generation: UInt64, _ now: NIODeadline
    ) -> [Action] {
        guard var user = users[id], user.generation == generation, user.phase == .catchingUp else {
            return []
        }
        defer { users[id] = user }
        guard let updates else {
            let until = now + Self.retryAfter
            user.phase = .waitingToCatchUp(until: until)
            nextWakeUp = min(nextWakeUp ?? until, until)
            return []
        }
        let actions = Self.take(&user, id, updates)
        // More in the history, or more held back than there was room for: the history has those, too.
        if updates.count >= Self.page || user.held.count >= Self.maxHeld {
            user.held = []
            return actions + [.read(id, after: user.position, generation: generation)]
        }
        user.phase = .live
        defer { user.held = [] }
        return actions + Self.take(&user, id, user.held)
    }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        nextWakeUp = nil
        for (id, user) in users {
            guard case .waitingToCatchUp(let until) = user.phase else { continue }
            if until <= now {
                users[id]?.phase = .catchingUp
                actions.append(.read(id, after: user.position, generation: user.generation))
            } else {
                nextWakeUp = min(nextWakeUp ?? until, until)
            }
        }
        return actions
    }

    /// Emits those that are newer than all before.
    private static func take(_ user: inout User, _ id: String, _ updates: [UserUpdate]) -> [Action] {
        updates.compactMap { update in
            guard update.id > user.position else { return nil }
            user.position = update.id
            return .emit(id, update)
        }
    }

    private mutating func nextGeneration() -> UInt64 {
        lastGeneration += 1
        return lastGeneration
    }
}
