public import Logging
import NIOPosix
public import Shared
import Synchronization

/// The services as they are now. SIGHUP reads their documents again: where all are right they replace the old ones at
/// once, else the old ones stay.
public final class ServiceCatalog: Reloadable {
    public struct Content: Sendable {
        public let services: [ServiceDefinition]
        public let routes: RouteTable
        public let events: EventTable

        init(_ services: [ServiceDefinition], reservedEvents: Set<String>) {
            self.services = services
            routes = RouteTable(services)
            events = EventTable(services, reserved: reservedEvents)
        }
    }

    private let source: ServiceDefinition.Source
    private let reservedEvents: Set<String>
    private let logger: Logger
    private let content: Mutex<Content>

    /// - Parameters:
    ///   - source: where `services` came from.
    ///   - reservedEvents: see ``EventTable``.
    public init(
        _ services: [ServiceDefinition], source: ServiceDefinition.Source, reservedEvents: Set<String> = [],
        logger: Logger
    ) {
        self.source = source
        self.reservedEvents = reservedEvents
        self.logger = logger
        content = Mutex(Content(services, reservedEvents: reservedEvents))
        tellAmbiguous()
    }

    public var current: Content { content.withLock { $0 } }

    public func reload() async {
        let source = source
        // The pool stops with the process.
        guard let read = try? await NIOThreadPool.singleton.runIfActive({ source.load() }) else { return }
        take(read.0, read.1)
    }

    func take(_ services: [ServiceDefinition], _ mistakes: [String]) {
        guard mistakes.isEmpty else {
            return logger.error(
                "the services' documents are wrong; the old ones stay",
                metadata: ["mistakes": .array(mistakes.map { .string($0) })])
        }
        let new = Content(services, reservedEvents: reservedEvents)
        content.withLock { $0 = new }
        logger.info("services reloaded", metadata: ["services": "\(services.count)"])
        tellAmbiguous()
    }

    private func tellAmbiguous() {
        for name in current.events.ambiguous {
            logger.warning("this event stands for no one operation", metadata: ["event": "\(name)"])
        }
    }
}
