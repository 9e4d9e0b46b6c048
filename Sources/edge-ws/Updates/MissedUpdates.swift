import NIOCore
import Shared

/// Puts together what one connection has missed, out of pages of its user's history, and tells whether that is all.
///
/// Every entry names the one before it, so a history that was trimmed or lost in between does not pass for complete.
struct MissedUpdates {
    enum Verdict: Equatable {
        /// Read on from ``last``.
        case more
        /// The client is ahead of its user's room, which would repeat to it what it has: read on in a while.
        case ahead
        case complete([UserUpdate])
        /// Something is no longer there, too old, or more than a client is told.
        case incomplete
    }

    /// Updates that a client is sent, and bytes of their data; with the rest of them this is less than a connection takes.
    static let longest = 10_000
    static let mostBytes = 8 << 20
    /// Reads for one connection, so that a history that grows as fast as it is read comes to an end.
    static let mostReads = 50

    private let after: StreamID
    private(set) var last: StreamID
    private var updates: [UserUpdate] = []
    private var bytes = 0
    private var reads = 0

    /// - Parameter after: the last update that the client has, or the time from which on it was to have them.
    init(after: StreamID) {
        self.after = after
        last = after
    }

    /// Takes the answer to one read from ``last`` on, which begins with that one as long as the history has it.
    ///
    /// - Parameters:
    ///   - isFull: whether the page was as long as pages are, so that there may be more.
    ///   - position: the update up to which the user's room has been told; what is later comes by the room.
    ///   - oldest: no missed update may be older than this time (ms since 1970).
    mutating func add(
        _ page: [UserUpdate], isFull: Bool, position: StreamID, oldest: UInt64
    ) -> Verdict {
        reads += 1
        // The history has expired or was lost, and nobody can tell what it had after `last`. After a time it may well have
        // nothing; that it had something before shows that it is there.
        if page.isEmpty, last > .zero, position != last, !last.isTime || position == .zero {
            return .incomplete
        }
        for update in page where update.id != last {
            guard let previous = update.previous, isNext(after: previous) else { return .incomplete }
            updates.append(update)
            bytes += update.data.readableBytes
            last = update.id
        }
        if let first = updates.first, first.id.milliseconds < oldest { return .incomplete }
        guard updates.count <= Self.longest, bytes <= Self.mostBytes else { return .incomplete }
        let isMore = isFull || last < position
        if isMore || position < after && !after.isTime {
            guard reads < Self.mostReads else { return .incomplete }
            return isMore ? .more : .ahead
        }
        return .complete(updates.filter { $0.id <= position })
    }

    /// Whether nothing lies between `last` and the update that names `previous` as the one before it.
    private func isNext(after previous: StreamID) -> Bool {
        // The first of a history may have had others before it, which have expired.
        previous == last || last.isTime && previous < last && previous > .zero
    }
}

extension StreamID {
    /// A time (ms since 1970) in place of an update, where Redis could not be asked for one: no entry has such a sequence.
    static func time(_ milliseconds: Int64) -> StreamID {
        StreamID(milliseconds: UInt64(max(0, milliseconds)), sequence: .max)
    }

    var isTime: Bool { sequence == .max }
}
