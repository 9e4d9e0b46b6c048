import DequeModule
import Synchronization

/// The last warnings and errors that the process has logged, each as the JSON object that stands in the log. The oldest goes first, and
/// only some lines of the same message are kept, so that one that repeats does not push out the rest.
public final class RecentLines: Sendable {
    /// Of the one log that a process has.
    public static let ofProcess = RecentLines()

    private struct State {
        var lines: Deque<(message: String, line: String)> = []
        var bytes = 0
    }

    private let capacity: Int
    private let messageCapacity: Int
    private let byteCapacity: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: lines that are kept at most.
    ///   - messageCapacity: lines of one message that are kept at most.
    ///   - byteCapacity: bytes of them all; a line that is longer than that is not kept.
    init(capacity: Int = 50, messageCapacity: Int = 10, byteCapacity: Int = 65_536) {
        self.capacity = capacity
        self.messageCapacity = messageCapacity
        self.byteCapacity = byteCapacity
    }

    /// The oldest first.
    public var all: [String] { state.withLock { $0.lines.map(\.line) } }

    func keep(_ line: String, of message: String) {
        let length = line.utf8.count
        guard length <= byteCapacity else { return }
        state.withLock { state in
            if state.lines.count(where: { $0.message == message }) >= messageCapacity,
                let oldest = state.lines.firstIndex(where: { $0.message == message })
            {
                state.bytes -= state.lines.remove(at: oldest).line.utf8.count
            }
            state.lines.append((message, line))
            state.bytes += length
            while state.lines.count > capacity || state.bytes > byteCapacity {
                state.bytes -= state.lines.removeFirst().line.utf8.count
            }
        }
    }
}
