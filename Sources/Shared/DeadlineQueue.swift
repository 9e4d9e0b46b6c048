import HeapModule
public import NIOCore

/// Deadlines of many things of which most are removed before they are due: O(log n) to insert, O(1) to remove.
///
/// Removed entries stay in the heap until they surface or are half of it, when it is rebuilt.
public struct DeadlineQueue<ID: Hashable & Sendable>: Sendable {
    private struct Entry: Comparable {
        let deadline: NIODeadline
        let id: ID

        static func < (left: Entry, right: Entry) -> Bool { left.deadline < right.deadline }
        static func == (left: Entry, right: Entry) -> Bool { left.deadline == right.deadline }
    }

    private var heap = Heap<Entry>()
    private var live: [ID: NIODeadline] = [:]

    public init() {}

    public var count: Int { live.count }

    /// Sets the deadline of `id`, in place of the one it had.
    public mutating func insert(_ id: ID, at deadline: NIODeadline) {
        live[id] = deadline
        heap.insert(Entry(deadline: deadline, id: id))
        if heap.count > 64, heap.count > 2 * live.count {
            heap = Heap(live.map { Entry(deadline: $0.value, id: $0.key) })
        }
    }

    public mutating func remove(_ id: ID) {
        live[id] = nil
    }

    /// The earliest deadline.
    public mutating func next() -> NIODeadline? {
        while let entry = heap.min {
            if live[entry.id] == entry.deadline { return entry.deadline }
            heap.removeMin()
        }
        return nil
    }

    /// Removes and returns one that is due, the earliest first.
    public mutating func popDue(_ now: NIODeadline) -> ID? {
        guard let deadline = next(), deadline <= now, let entry = heap.popMin() else { return nil }
        live[entry.id] = nil
        return entry.id
    }
}
