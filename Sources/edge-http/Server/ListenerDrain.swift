import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// Takes leave of clients before the server stops, so that none of them is cut off without an answer.
///
/// When a listener closes, the kernel resets the connections that wait in its queue, and a client that has written its
/// request there cannot know what became of it. So for a moment nobody new can connect, while those that already have are
/// served: SYNs are dropped, and the client's next one, a second later (RFC 6298 §2.1), is refused, by which it knows that
/// nothing was sent. Clients that stay connected are told with their answers that the connection ends.
final class ListenerDrain: Service {
    /// Longer than it takes to accept what is in the queue and to read the request behind it.
    private static let pause = Duration.milliseconds(200)

    private let logger: Logger
    private let listener = Mutex<(any Channel)?>(nil)
    private let draining = Atomic(false)

    init(logger: Logger) { self.logger = logger }

    /// Whether answers end their connections.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func listening(_ channel: any Channel) { listener.withLock { $0 = channel } }

    func run() async throws {
        try? await gracefulShutdown()
        draining.store(true, ordering: .relaxed)
        guard let channel = listener.withLock({ $0 }) else { return }
        do {
            try await SYNFilter.attach(to: channel)
        } catch {
            logger.warning("connections may be reset", metadata: ["error": "\(error)"])
        }
        try? await Task.sleep(for: Self.pause)
    }
}

/// A socket filter that drops the segments which ask for a new connection: `SYN` without `ACK`.
///
/// The classic BPF of Linux (Documentation/networking/filter.rst); a TCP socket's filter sees segments from their TCP header on.
enum SYNFilter {
    /// `struct sock_filter`.
    private struct Instruction {
        let code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        let operand: UInt32
    }

    /// `struct sock_fprog`; the address as a number, so that it can be sent to the channel's event loop.
    private struct Program {
        let count: UInt16
        let instructions: UInt
    }

    private static let attachFilter: CInt = 26  // SO_ATTACH_FILTER, which Glibc's module does not have
    private static let instructions = [
        Instruction(code: 0x30, operand: 13),  // load the byte of the flags
        Instruction(code: 0x54, operand: 0x12),  // of them SYN and ACK
        Instruction(code: 0x15, ifFalse: 1, operand: 0x02),  // only SYN?
        Instruction(code: 0x06, operand: 0),  // drop
        Instruction(code: 0x06, operand: .max),  // take it whole
    ]

    /// - Throws: the system's error where sockets have no such filters.
    static func attach(to channel: any Channel) async throws {
        guard let socket = channel as? any SocketOptionProvider else {
            throw ChannelError.operationUnsupported
        }
        let storage = UnsafeMutableBufferPointer<Instruction>.allocate(capacity: instructions.count)
        defer { storage.deallocate() }
        _ = storage.initialize(from: instructions)
        let program = Program(
            count: UInt16(storage.count), instructions: UInt(bitPattern: storage.baseAddress))
        try await socket.unsafeSetSocketOption(
            level: .socket, name: .init(rawValue: attachFilter), value: program
        ).get()
    }
}
