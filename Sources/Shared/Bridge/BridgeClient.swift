public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// An edge's connections to the bridge: sends requests, awaits their outcomes, reconnects, and resumes what waits.
///
/// There is one connection for each event loop, so that a request which is worked on there changes no threads.
public final class BridgeClient: Service, Sendable {
    private struct Lane: Sendable {
        let index: Int
        let eventLoop: any EventLoop
        let core: NIOLoopBoundBox<BridgeClientCore>
    }

    /// More would cost the bridge more than they bring.
    private static let maxLanes = 8

    private let lanes: [Lane]
    private let reachability: BridgeReachability
    private let logger: Logger
    private let turn = Atomic(0)

    public init(_ configuration: BridgeClientConfiguration, logger: Logger) {
        let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator().prefix(Self.maxLanes))
        let reachability = BridgeReachability(lanes: loops.count)
        self.reachability = reachability
        self.logger = logger
        lanes = loops.enumerated().map { index, eventLoop in
            Lane(
                index: index, eventLoop: eventLoop,
                core: .makeBoxSendingValue(
                    BridgeClientCore(
                        configuration, eventLoop: eventLoop,
                        onChange: { missing, path in
                            reachability.set(missing, of: index, path: path, logger)
                        }),
                    eventLoop: eventLoop))
        }
    }

    /// Nil when a bridge has welcomed this edge; else why not. For readiness.
    public var missing: String? { reachability.missing }

    public func statistics() async -> BridgeStatistics {
        var sum = BridgeStatistics()
        for lane in lanes {
            let core = lane.core
            sum += (try? await lane.eventLoop.submit { core.value.statistics(.now()) }.get()) ?? .init()
        }
        return sum
    }

    /// Keeps the connections to the bridge until the process is told to stop.
    public func run() async throws {
        try await onEachLane { $0.start() }
        try? await gracefulShutdown()
        try await onEachLane { $0.stop() }
        let statistics = await statistics()
        logger.info(
            "bridge summary",
            metadata: [
                "requests": "\(statistics.requests)", "connections": "\(statistics.connections)",
                "late": "\(statistics.late)",
                "outcomes": .dictionary(statistics.outcomes.mapValues { "\($0)" }),
            ])
    }

    private func onEachLane(_ body: @escaping @Sendable (BridgeClientCore) -> Void) async throws {
        for lane in lanes {
            let core = lane.core
            try await lane.eventLoop.submit { body(core.value) }.get()
        }
    }

    /// Sends one request and awaits what became of it, at most for its timeout.
    ///
    /// Cancelling the task tells the bridge that nobody waits any more; the outcome is then `client_gone`.
    public func request(_ request: BridgeRequest) async -> BridgeOutcome {
        let lane = lane()
        let (eventLoop, core) = (lane.eventLoop, lane.core)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if eventLoop.inEventLoop {
                    core.value.submit(request, continuation)
                } else {
                    eventLoop.execute { core.value.submit(request, continuation) }
                }
            }
        } onCancel: {
            eventLoop.execute { core.value.cancel(request.id) }
        }
    }

    /// That of the caller's event loop where it is connected, else any that is.
    private func lane() -> Lane {
        let here = MultiThreadedEventLoopGroup.currentEventLoop
        let first =
            lanes.first { $0.eventLoop === here }
            ?? lanes[turn.wrappingAdd(1, ordering: .relaxed).newValue & Int.max % lanes.count]
        if reachability.isConnected(first.index) { return first }
        return lanes.first { reachability.isConnected($0.index) } ?? first
    }
}

/// What all threads may know of the connections.
final class BridgeReachability: Sendable {
    /// Why each lane has no connection; nil where it has one.
    private let lanes: Mutex<[String?]>

    init(lanes: Int) { self.lanes = Mutex(Array(repeating: "not connected yet", count: lanes)) }

    var missing: String? { lanes.withLock { Self.summary($0) } }

    func isConnected(_ lane: Int) -> Bool { lanes.withLock { $0[lane] == nil } }

    /// - Parameter path: of the socket that is tried or used.
    func set(_ missing: String?, of lane: Int, path: String, _ logger: Logger) {
        let (before, after) = lanes.withLock { lanes in
            let before = Self.summary(lanes)
            lanes[lane] = missing
            return (before, Self.summary(lanes))
        }
        guard before != after else { return }
        if let after {
            logger.warning("bridge lost", metadata: ["reason": "\(after)"])
        } else {
            logger.info("bridge connected", metadata: ["path": "\(path)"])
        }
    }

    /// One connection is enough to work with.
    private static func summary(_ lanes: [String?]) -> String? {
        lanes.contains(nil) ? nil : lanes.first ?? nil
    }
}

/// Performs the actions of ``BridgeEdgeMachine``. Lives on one event loop.
private final class BridgeClientCore {
    typealias Machine = BridgeEdgeMachine<CheckedContinuation<BridgeOutcome, Never>>

    private struct Link {
        let path: String
        let channel: any Channel
        let handler: BridgeConnectionHandler
        var maxFrame: Int
    }

    private let configuration: BridgeClientConfiguration
    private let eventLoop: any EventLoop
    /// Is told why there is no connection, and of which socket.
    private let onChange: (_ missing: String?, _ path: String) -> Void
    private var machine: Machine
    /// What the machine does not count.
    private var counted = BridgeStatistics()
    private var links: [Machine.Connection: Link] = [:]
    private var wakeUp: (deadline: NIODeadline, task: Scheduled<Void>)?
    private var reported: String?
    /// Of the socket that is tried or used.
    private var path = ""

    init(
        _ configuration: BridgeClientConfiguration, eventLoop: any EventLoop,
        onChange: @escaping (_ missing: String?, _ path: String) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.onChange = onChange
        machine = Machine(
            hello: .init(
                versions: BridgeLimits.versions, role: configuration.role,
                instance: configuration.instance, build: configuration.build),
            socketCount: configuration.paths.count,
            jitter: { Double.random(in: 0...1) })
        reported = machine.missing
    }

    func start() { perform(machine.start(.now())) }

    func stop() {
        perform(machine.stop(.now()))
        wakeUp?.task.cancel()
        wakeUp = nil
    }

    func statistics(_ now: NIODeadline) -> BridgeStatistics {
        var statistics = counted
        statistics.late = machine.lateAnswers
        statistics.waiting = machine.pendingCount
        statistics.window = machine.window ?? 0
        statistics.oldest = machine.oldest.map { Int((now - $0).nanoseconds / 1_000_000) } ?? 0
        return statistics
    }

    func submit(_ request: BridgeRequest, _ waiter: CheckedContinuation<BridgeOutcome, Never>) {
        counted.requests += 1
        perform(machine.submit(request, waiter: waiter, .now()))
    }

    func cancel(_ id: BridgeRequestID) { perform(machine.cancel(id, .now())) }

    private func perform(_ actions: [Machine.Action]) {
        for action in actions {
            switch action {
            case .connect(let connection, let socket): connect(connection, configuration.paths[socket])
            case .send(let connection, let message): send(message, on: connection)
            case .close(let connection): links.removeValue(forKey: connection)?.handler.close()
            case .limitFrames(let connection, let maxFrame):
                // Comes with each welcome, and with nothing else.
                counted.connections += 1
                links[connection]?.maxFrame = maxFrame
                links[connection]?.handler.decoder.maxFrame = maxFrame
            case .complete(let waiter, let outcome):
                counted.ended(outcome)
                waiter.resume(returning: outcome)
            }
        }
        report()
        scheduleWakeUp()
    }

    private func report() {
        let missing = machine.missing
        guard missing != reported else { return }
        reported = missing
        onChange(missing, path)
    }

    private func send(_ message: BridgeMessage, on connection: Machine.Connection) {
        guard let link = links[connection] else { return }
        let bytes = link.handler.send(message, maxFrame: link.maxFrame)
        guard bytes > link.maxFrame, case .request(let request) = message else { return }
        perform(machine.frameRefused(request.id, bytes: bytes, .now()))
    }

    private func connect(_ connection: Machine.Connection, _ path: String) {
        self.path = path
        let core = NIOLoopBound(self, eventLoop: eventLoop)
        let maxFrame = configuration.maxFrame
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 8 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = BridgeConnectionHandler(maxFrame: maxFrame) { event in
                        core.value.handle(event, of: connection)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(unixDomainSocketPath: path)
            .assumeIsolated()
            .whenComplete { result in
                core.value.finishConnect(connection, path, result)
            }
    }

    private func finishConnect(
        _ connection: Machine.Connection, _ path: String, _ result: Result<any Channel, any Error>
    ) {
        switch result {
        case .success(let channel):
            guard channel.isActive,
                let handler = try? channel.pipeline.syncOperations.handler(
                    type: BridgeConnectionHandler.self)
            else {
                perform(machine.connectFailed(connection, "\(path): closed at once", .now()))
                return
            }
            links[connection] = Link(
                path: path, channel: channel, handler: handler, maxFrame: configuration.maxFrame)
            perform(machine.connected(connection, .now()))
        case .failure(let error):
            perform(machine.connectFailed(connection, "\(path): \(error)", .now()))
        }
    }

    private func handle(_ event: BridgeConnectionHandler.Event, of connection: Machine.Connection) {
        switch event {
        case .message(let message): perform(machine.received(message, on: connection, .now()))
        case .violation(let error): perform(machine.violated(connection, error, .now()))
        case .closed:
            let path = links.removeValue(forKey: connection)?.path ?? ""
            perform(machine.closed(connection, "\(path): the connection was closed", .now()))
        }
    }

    /// One timer for all deadlines; it is moved only when something earlier comes up.
    private func scheduleWakeUp() {
        guard let next = machine.nextWakeUp() else { return }
        if let wakeUp, wakeUp.deadline <= next { return }
        wakeUp?.task.cancel()
        let core = NIOLoopBound(self, eventLoop: eventLoop)
        let task = eventLoop.scheduleTask(deadline: next) {
            core.value.wakeUp = nil
            core.value.perform(core.value.machine.tick(.now()))
        }
        wakeUp = (next, task)
    }
}
