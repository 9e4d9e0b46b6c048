import DequeModule
import Synchronization

/// The last warnings and errors that the process has logged, each as the JSON object that stands in the log. The oldest goes first.
public final class RecentLines: Sendable {
    /// Of the one log that a process has.
    public static let ofProcess = RecentLines()

    private struct State {
        var lines: Deque<String> = []
        var bytes = 0
    }

    private let capacity: Int
    private let byteCapacity: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: lines that are kept at most.
    ///   - byteCapacity: bytes of them all; a line that is longer than that is not kept.
    init(capacity: Int = 50, byteCapacity: Int = 65_536) {
        self.capacity = capacity
        self.byteCapacity = byteCapacity
    }

    /// The oldest first.
    public var all: [String] { state.withLock { Array($0.lines) } }

    func keep(_ line: String) {
        let length = line.utf8.count
        guard length <= byteCapacity else { return }
        state.withLock { state in
            state.lines.append(line)
            state.bytes += length
            while state.lines.count > capacity || state.bytes > byteCapacity {
                state.bytes -= state.lines.removeFirst().utf8.count
            }
        }
    }
}
