import NIOCore
import Shared

/// How a socket comes to its user's updates.
struct Arrival: Equatable, Sendable {
    /// Every update after this one, or this time, reaches the user's room.
    let position: StreamID
    /// All that the socket's earlier connection has missed up to `position`, in order; nil for a socket that begins anew.
    let missed: [UserUpdate]?
}

/// Which users have sockets here, and what each of them has been sent: live updates, and after a gap in the
/// subscription those that were missed, once and in order.
///
/// It does no I/O: events and time in, actions out. `Waiter` names a socket that joins and waits for the subscription.
/// Actions are to be performed in order: a socket that has `joined` is to get what is emitted after that, and nothing
/// that was emitted before.
struct UserSubscriptions<Waiter: Hashable> {
    enum Action {
        case subscribe(String)
        case unsubscribe(String)
        case joined(Waiter, Arrival)
        /// - Parameter isMissed: it was read from the history, or has waited for that.
        case emit(String, UserUpdate, isMissed: Bool)
        /// Ask for the id of the user's latest update; ``readLast(_:of:generation:clock:_:)`` is the answer.
        case readLast(String, generation: UInt64)
        /// Ask for up to ``UserSubscriptions/page`` updates after an id; ``read(_:of:generation:_:)`` is the answer.
        case read(String, after: StreamID, generation: UInt64)
        /// The same for one socket, from an id on, with that one; ``readMissed(_:of:ticket:oldest:_:)`` is the answer.
        case readMissed(String, from: StreamID, ticket: UInt64)
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

    private struct Resuming {
        let waiter: Waiter
        var missed: MissedUpdates
        /// When to read again after a read that failed.
        var retryAt: NIODeadline?
    }

    private struct User {
        /// Tells answers for this subscription from those for an earlier one.
        var generation: UInt64
        var sockets = 0
        var phase = Phase.starting
        /// The last update that was emitted, or at first the last one before the user came. Where Redis could not be asked
        /// for that it is a time, and those who join wait until the history tells which update it was.
        var position = StreamID.zero
        var waiters: [(waiter: Waiter, after: StreamID?)] = []
        /// Sockets that are about to get what they have missed, by ticket.
        var resuming: [UInt64: Resuming] = [:]
        var held: [UserUpdate] = []
    }

    /// Updates in one read of a history.
    static var page: Int { 500 }
    /// Updates that are held back while a history is read; beyond it they are read from the history as well.
    static var maxHeld: Int { 1000 }
    static var retryAfter: TimeAmount { .seconds(1) }
    /// What a client has already had elsewhere is on its way here by publication.
    static var aheadRetry: TimeAmount { .milliseconds(100) }

    private var users: [String: User] = [:]
    private var lastGeneration: UInt64 = 0

    var count: Int { users.count }

    /// The earliest time at which ``tick(_:)`` has something to do.
    private(set) var nextWakeUp: NIODeadline?

    // MARK: - Sockets

    /// - Parameter after: the last update that the socket's earlier connection has had; nil for a socket that begins anew.
    mutating func join(_ id: String, waiter: Waiter, after: StreamID? = nil) -> [Action] {
        guard var user = users[id] else {
            let generation = nextGeneration()
            users[id] = User(generation: generation, sockets: 1, waiters: [(waiter, after)])
            return [.readLast(id, generation: generation)]
        }
        defer { users[id] = user }
        user.sockets += 1
        guard user.phase == .starting || user.phase == .subscribing || user.position.isTime else {
            return [arrive(&user, id, waiter, after)]
        }
        user.waiters.append((waiter, after))
        return []
    }

    /// Takes a socket off the count; it waits no longer.
    mutating func leave(_ id: String, waiter: Waiter) -> [Action] {
        giveUp(id, waiter: waiter)
        guard let sockets = users[id]?.sockets else { return [] }
        guard sockets > 1 else {
            users[id] = nil
            return [.unsubscribe(id)]
        }
        users[id]?.sockets = sockets - 1
        return []
    }

    /// The socket stays, and waits no longer: no `joined` comes for it.
    ///
    /// - Returns: how it comes to its updates without the subscription, which is still to come; nil where that is not known
    ///   or, for a socket that has missed some, not all.
    @discardableResult mutating func giveUp(_ id: String, waiter: Waiter) -> Arrival? {
        var arrival: Arrival?
        if let user = users[id], user.phase != .starting,
            user.waiters.contains(where: { $0.waiter == waiter && $0.after == nil })
        {
            arrival = Arrival(position: user.position, missed: nil)
        }
        users[id]?.waiters.removeAll { $0.waiter == waiter }
        if let ticket = users[id]?.resuming.first(where: { $0.value.waiter == waiter })?.key {
            users[id]?.resuming[ticket] = nil
        }
        return arrival
    }

    private mutating func arriveAll(_ user: inout User, _ id: String) -> [Action] {
        let waiters = user.waiters
        user.waiters = []
        var actions: [Action] = []
        for (waiter, after) in waiters { actions.append(arrive(&user, id, waiter, after)) }
        return actions
    }

    private mutating func arrive(
        _ user: inout User, _ id: String, _ waiter: Waiter, _ after: StreamID?
    ) -> Action {
        guard let after else { return .joined(waiter, Arrival(position: user.position, missed: nil)) }
        let ticket = nextGeneration()
        user.resuming[ticket] = Resuming(waiter: waiter, missed: MissedUpdates(after: after))
        return .readMissed(id, from: after, ticket: ticket)
    }

    // MARK: - Redis

    /// - Parameters:
    ///   - last: nil inside for an empty history, nil when Redis could not be asked.
    ///   - clock: the time on this host when it was asked for, which has to do when Redis could not be asked.
    mutating func readLast(
        _ last: StreamID??, of id: String, generation: UInt64, clock: StreamID, _ now: NIODeadline
    ) -> [Action] {
        guard var user = users[id], user.generation == generation else { return [] }
        defer { users[id] = user }
        if user.phase == .starting {
            user.position = (last ?? clock) ?? .zero
            user.phase = .subscribing
            return [.subscribe(id)]
        }
        guard user.position.isTime, user.phase == .catchingUp else { return [] }
        guard let last else {
            catchUpLater(&user, now)
            return []
        }
        var actions: [Action] = []
        // Nothing has come since that time, unless just now: then the next read has it.
        if (last ?? .zero) <= user.position {
            user.position = last ?? .zero
            actions = arriveAll(&user, id)
        }
        return actions + [.read(id, after: user.position, generation: generation)]
    }

    /// The subscription is there, for the first time or after a gap.
    mutating func subscribed(_ id: String) -> [Action] {
        guard var user = users[id], user.phase != .starting else { return [] }
        defer { users[id] = user }
        let actions = user.position.isTime ? [] : arriveAll(&user, id)
        return actions + [catchUp(&user, id)]
    }

    private mutating func catchUp(_ user: inout User, _ id: String) -> Action {
        user.generation = nextGeneration()
        user.phase = .catchingUp
        user.held = []
        return .read(id, after: user.position, generation: user.generation)
    }

    mutating func received(_ update: UserUpdate, for id: String) -> [Action] {
        guard var user = users[id] else { return [] }
        defer { users[id] = user }
        guard user.phase == .live else {
            if user.held.count < Self.maxHeld { user.held.append(update) }
            return []
        }
        // The one before it has not come, so it is read from the history, and this one with it.
        if let previous = update.previous, previous != user.position, update.id > user.position {
            return [catchUp(&user, id)]
        }
        return Self.take(&user, id, [update], isMissed: false)
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
            catchUpLater(&user, now)
            return []
        }
        var actions: [Action] = []
        if user.position.isTime {
            guard let first = updates.first else { return [.readLast(id, generation: generation)] }
            user.position = first.previous ?? user.position
            actions = arriveAll(&user, id)
        }
        actions += Self.take(&user, id, updates, isMissed: true)
        // More in the history, or more held back than there was room for: the history has those, too.
        if updates.count >= Self.page || user.held.count >= Self.maxHeld {
            user.held = []
            return actions + [.read(id, after: user.position, generation: generation)]
        }
        user.phase = .live
        defer { user.held = [] }
        return actions + Self.take(&user, id, user.held, isMissed: true)
    }

    private mutating func catchUpLater(_ user: inout User, _ now: NIODeadline) {
        user.phase = .waitingToCatchUp(until: now + Self.retryAfter)
        wakeUp(at: now + Self.retryAfter)
    }

    /// - Parameters:
    ///   - updates: in order, at most ``page`` of them; nil when they could not be read.
    ///   - oldest: a socket that has missed anything older begins anew (ms since 1970).
    mutating func readMissed(
        _ updates: [UserUpdate]?, of id: String, ticket: UInt64, oldest: UInt64, _ now: NIODeadline
    ) -> [Action] {
        guard var user = users[id], var resuming = user.resuming[ticket] else { return [] }
        defer { users[id] = user }
        guard let updates else {
            resuming.retryAt = now + Self.retryAfter
            user.resuming[ticket] = resuming
            wakeUp(at: now + Self.retryAfter)
            return []
        }
        let verdict = resuming.missed.add(
            updates, isFull: updates.count >= Self.page, position: user.position, oldest: oldest)
        user.resuming[ticket] = nil
        switch verdict {
        case .more:
            user.resuming[ticket] = resuming
            return [.readMissed(id, from: resuming.missed.last, ticket: ticket)]
        case .ahead:
            resuming.retryAt = now + Self.aheadRetry
            user.resuming[ticket] = resuming
            wakeUp(at: now + Self.aheadRetry)
            return []
        case .complete(let missed):
            return [.joined(resuming.waiter, Arrival(position: user.position, missed: missed))]
        case .incomplete:
            return [.joined(resuming.waiter, Arrival(position: user.position, missed: nil))]
        }
    }

    // MARK: - Time

    private mutating func wakeUp(at time: NIODeadline) { nextWakeUp = min(nextWakeUp ?? time, time) }

    mutating func tick(_ now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        nextWakeUp = nil
        for (id, user) in users {
            if case .waitingToCatchUp(let until) = user.phase {
                if until <= now {
                    users[id]?.phase = .catchingUp
                    actions.append(.read(id, after: user.position, generation: user.generation))
                } else {
                    wakeUp(at: until)
                }
            }
            for (ticket, resuming) in user.resuming {
                guard let retryAt = resuming.retryAt else { continue }
                if retryAt <= now {
                    users[id]?.resuming[ticket]?.retryAt = nil
                    actions.append(.readMissed(id, from: resuming.missed.last, ticket: ticket))
                } else {
                    wakeUp(at: retryAt)
                }
            }
        }
        return actions
    }

    /// Emits those that are newer than all before.
    private static func take(
        _ user: inout User, _ id: String, _ updates: [UserUpdate], isMissed: Bool
    ) -> [Action] {
        updates.compactMap { update in
            guard update.id > user.position else { return nil }
            user.position = update.id
            return .emit(id, update, isMissed: isMissed)
        }
    }

    private mutating func nextGeneration() -> UInt64 {
        lastGeneration += 1
        return lastGeneration
    }
}
