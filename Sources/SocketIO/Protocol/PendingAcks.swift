import NIOCore

/// The acknowledgements that a server waits for on one connection. It does no I/O.
struct PendingAcks<Waiter> {
    /// More at a time are refused.
    static var limit: Int { 1000 }

    private struct Pending {
        let namespace: String
        let deadline: NIODeadline
        let waiter: Waiter
    }

    private var pending: [Int: Pending] = [:]
    private var lastID = 0

    /// When the earliest deadline is due.
    private(set) var nextWakeUp: NIODeadline?

    /// - Returns: the id that goes with the event, or nil when too many wait already.
    mutating func add(_ waiter: Waiter, in namespace: String, until deadline: NIODeadline) -> Int? {
        guard pending.count < Self.limit else { return nil }
        lastID += 1
        pending[lastID] = Pending(namespace: namespace, deadline: deadline, waiter: waiter)
        nextWakeUp = min(nextWakeUp ?? deadline, deadline)
        return lastID
    }

    /// The one that waits for this id; nil for one that is unknown, of another namespace or answered, which is ignored.
    mutating func take(_ id: Int, in namespace: String) -> Waiter? {
        guard let found = pending[id], found.namespace == namespace else { return nil }
        pending[id] = nil
        return found.waiter
    }

    mutating func expired(_ now: NIODeadline) -> [Waiter] {
        guard let nextWakeUp, nextWakeUp <= now else { return [] }
        let due = pending.filter { $0.value.deadline <= now }
        for id in due.keys { pending[id] = nil }
        self.nextWakeUp = pending.values.map(\.deadline).min()
        return due.sorted { $0.key < $1.key }.map(\.value.waiter)
    }

    /// Those that will not be answered since the client has left the namespace.
    mutating func left(_ namespace: String) -> [Waiter] {
        let lost = pending.filter { $0.value.namespace == namespace }
        for id in lost.keys { pending[id] = nil }
        return lost.sorted { $0.key < $1.key }.map(\.value.waiter)
    }
}
