import HeapModule
import NIOCore

/// Something that has to be woken up at times.
protocol Timed: AnyObject {
    /// - Returns: when to wake it up next; nil: not before it is scheduled again.
    func wakeUp(_ now: NIODeadline) -> NIODeadline?
}

/// What the sessions of one event loop share: their timers, and the flush at the end of the loop's turn.
///
/// NIO's own timers take a search through all of them to cancel one, and every connection has some.
final class EngineLoop {
    private struct Entry: Comparable {
        let deadline: NIODeadline
        let id: ObjectIdentifier

        static func < (left: Entry, right: Entry) -> Bool { left.deadline < right.deadline }
    }

    let eventLoop: any EventLoop
    private let clock: () -> NIODeadline
    /// Has an entry for each of `timed`, and entries that have become void.
    private var entries = Heap<Entry>()
    private var timed: [ObjectIdentifier: (object: any Timed, deadline: NIODeadline)] = [:]
    /// When the event loop will call next.
    private var armedFor: NIODeadline?
    private var unflushed: [any Channel] = []

    init(_ eventLoop: any EventLoop, clock: @escaping () -> NIODeadline = NIODeadline.now) {
        self.eventLoop = eventLoop
        self.clock = clock
    }

    // MARK: - Timers

    /// Wakes an object up at a time, or earlier when that was asked for before.
    func schedule(_ object: any Timed, at deadline: NIODeadline) {
        let id = ObjectIdentifier(object)
        if let known = timed[id], known.deadline <= deadline { return }
        timed[id] = (object, deadline)
        entries.insert(Entry(deadline: deadline, id: id))
        arm(deadline)
    }

    /// Lets go of the object.
    func cancel(_ object: any Timed) { timed[ObjectIdentifier(object)] = nil }

    private func arm(_ deadline: NIODeadline) {
        if let armedFor, armedFor <= deadline { return }
        armedFor = deadline
        let loop = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(deadline: deadline) { loop.value.fire(deadline) }
    }

    private func fire(_ deadline: NIODeadline) {
        if armedFor == deadline { armedFor = nil }
        let now = clock()
        while let entry = entries.min, entry.deadline <= now {
            entries.removeMin()
            guard let (object, deadline) = timed[entry.id], deadline == entry.deadline else { continue }
            timed[entry.id] = nil
            if let next = object.wakeUp(now) { schedule(object, at: next) }
        }
        if let entry = entries.min { arm(entry.deadline) }
    }

    // MARK: - Flushes

    /// Flushes the channel after what the event loop has to do now, so that all that this sends to it leaves at once.
    func flushSoon(_ channel: any Channel) {
        if unflushed.isEmpty {
            let loop = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.execute { loop.value.flush() }
        }
        unflushed.append(channel)
    }

    private func flush() {
        let channels = unflushed
        unflushed.removeAll(keepingCapacity: channels.count <= 1024)
        for channel in channels { channel.flush() }
    }
}
