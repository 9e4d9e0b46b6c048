import Logging
public import ServiceLifecycle
import UnixSignals

/// What reads its files again at SIGHUP. It logs what came of it, and keeps what it had where the files are wrong.
public protocol Reloadable: Sendable {
    func reload() async
}

/// What a process consists of.
public struct ProcessParts: Sendable {
    let services: [any Service]
    let reloads: [any Reloadable]

    /// - Parameters:
    ///   - services: in the order in which they start; they stop in the reverse order.
    ///   - reloads: what SIGHUP reloads, one after the other.
    public init(services: [any Service], reloads: [any Reloadable] = []) {
        self.services = services
        self.reloads = reloads
    }
}

/// SIGHUP reloads what the process has to reload, and never ends it: who sends it to all processes means the same by it.
struct ReloadSignal: Service {
    let reloads: [any Reloadable]
    let logger: Logger

    func run() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            if reloads.isEmpty { logger.notice("SIGHUP: nothing to read again") }
            for one in reloads { await one.reload() }
        }
    }
}
