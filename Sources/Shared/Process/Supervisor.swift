import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The service manager above this process, systemd or one that speaks its protocol (sd_notify(3)): it is told when the process
/// listens and when it drains, and is given signs of life. Without one nothing happens.
public final class Supervisor: Service {
    private let request: SupervisorRequest
    private let socket: NotifySocket?
    private let loops: [any EventLoop]
    private let round: Mutex<WatchdogRound>
    private let logger: Logger

    /// - Parameter group: the event loops that have to turn for the process to be alive.
    init(_ request: SupervisorRequest, group: some EventLoopGroup, logger: Logger) {
        self.request = request
        self.logger = logger
        socket = request.address.flatMap { NotifySocket($0) }
        loops = Array(group.makeIterator())
        round = Mutex(WatchdogRound(loops: loops.count))
        for mistake in request.mistakes {
            logger.warning("not supervised", metadata: ["reason": "\(mistake)"])
        }
    }

    /// The one that the environment names.
    static func ofEnvironment(_ logger: Logger) -> Supervisor {
        let request = SupervisorRequest(processID: getpid()) { name in
            getenv(name).map { String(cString: $0) }
        }
        return Supervisor(request, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }

    /// The process can be connected to.
    public func listening() async { await tell("READY=1") }

    func stopping() async { await tell("STOPPING=1") }

    /// Gives signs of life, twice in the time that the process may be silent.
    ///
    /// It runs on the concurrency pool and asks the event loops: when either of them hangs, no sign is given.
    public func run() async throws {
        guard let watchdog = request.watchdog, socket != nil else {
            try? await gracefulShutdown()
            return
        }
        try? await cancelWhenGracefulShutdown {
            while true {
                self.signOfLife()
                try await Task.sleep(for: watchdog / 2)
            }
        }
    }

    private func signOfLife() {
        switch round.withLock({ $0.due() }) {
        case .wait(let silent):
            logger.error("event loops do not turn", metadata: ["loops": "\(silent)"])
        case .ask:
            for (index, loop) in loops.enumerated() {
                loop.execute {
                    // A sign that is lost in a full queue is followed by the next one.
                    if self.round.withLock({ $0.answered(index) }) { _ = self.socket?.send("WATCHDOG=1") }
                }
            }
        }
    }

    /// Waits for room in the receiver's queue: without this message a start would count as failed.
    private func tell(_ text: String) async {
        guard let socket else { return }
        var outcome = socket.send(text)
        for _ in 0..<100 where outcome == .full {
            try? await Task.sleep(for: .milliseconds(50))
            outcome = socket.send(text)
        }
        if outcome != .sent {
            logger.warning(
                "the service manager was not told", metadata: ["text": "\(text)", "outcome": "\(outcome)"])
        }
    }
}

/// Stops first of all services, and so knows that the process begins to drain.
struct StopNotice: Service {
    let supervisor: Supervisor

    func run() async throws {
        try? await gracefulShutdown()
        await supervisor.stopping()
    }
}
