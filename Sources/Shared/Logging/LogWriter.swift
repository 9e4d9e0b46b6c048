import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Writes log lines to standard output on a thread of its own, so that a slow reader of the log never stops an event loop.
///
/// The queue holds at most `capacity` bytes; lines beyond that are dropped and their number is logged as soon as there is room.
final class LogWriter: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isClosed = false
    }

    private let capacity: Int
    private let descriptor: Int32
    private let state = Mutex(State())
    private let wake = Semaphore()
    private let finished = Semaphore()

    init(descriptor: Int32 = STDOUT_FILENO, capacity: Int = LogFigures.capacity) {
        self.descriptor = descriptor
        self.capacity = capacity
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let started = pthread_create(&thread, nil, logWriterMain, context.toOpaque())
        if started == 0 {
            pthread_detach(thread)
        } else {
            context.release()
        }
    }

    /// Queues one line without its newline. Never blocks.
    func write(_ line: String) {
        let wasEmpty = state.withLock { state in
            guard !state.isClosed, state.pending.count + line.utf8.count < capacity else {
                state.dropped += 1
                LogFigures.noteDropped()
                return false
            }
            let wasEmpty = state.pending.isEmpty
            state.pending.append(contentsOf: line.utf8)
            state.pending.append(UInt8(ascii: "\n"))
            LogFigures.noteWaiting(state.pending.count)
            return wasEmpty
        }
        if wasEmpty { wake.signal() }
    }

    /// Writes what is queued and ends the thread. Waits at most a second, since the reader may be stuck.
    func close() {
        let first = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard first else { return }
        wake.signal()
        finished.wait(seconds: 1)
    }

    fileprivate func loop() {
        while true {
            wake.wait()
            let (bytes, dropped, isClosed) = state.withLock { state in
                defer {
                    state.pending = []
                    state.dropped = 0
                    LogFigures.noteWaiting(0)
                }
                return (state.pending, state.dropped, state.isClosed)
            }
            writeAll(bytes)
            if dropped > 0 {
                writeAll(
                    Array(
                        "{\"level\":\"warning\",\"message\":\"log lines dropped\",\"count\":\(dropped)}\n"
                            .utf8))
            }
            if isClosed { break }
        }
        finished.signal()
    }

    private func writeAll(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }  // nobody reads the log any more
                rest = rest.dropFirst(count)
            }
        }
    }
}

private func logWriterMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<LogWriter>.fromOpaque(context).takeRetainedValue().loop() }
    return nil
}

/// A POSIX semaphore: the log's thread sleeps on it.
private final class Semaphore: @unchecked Sendable {
    // @unchecked: sem_t is made for use by several threads (sem_overview(7)); it is never moved, being behind a pointer.
    private let pointer: UnsafeMutablePointer<sem_t>

    init() {
        pointer = .allocate(capacity: 1)
        sem_init(pointer, 0, 0)
    }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func signal() { sem_post(pointer) }

    func wait() {
        while sem_wait(pointer) != 0, errno == EINTR {}
    }

    func wait(seconds: Int) {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        while sem_timedwait(pointer, &deadline) != 0, errno == EINTR {}
    }
}
