import FoundationEssentials
public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A Socket.IO server (Engine.IO protocol 4, Socket.IO protocol 5) on its own port.
public final class SocketIOServer: Sendable {
    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var sessions: [String: SessionReference] = [:]
        var statistics = SocketIOStatistics()
        var isDraining = false
        var isStopped = false
    }

    let configuration: SocketIOConfiguration
    let namespaces: Set<String>
    let delegate: any SocketIODelegate
    let originPolicy: OriginPolicy
    private let group: any EventLoopGroup
    private let logger: Logger
    private let shards: [ObjectIdentifier: NIOLoopBoundBox<RoomShard>]
    private let state = Mutex(State())

    /// - Parameter namespaces: the ones that clients may join; CONNECT to any other is answered with an error.
    public init(
        _ configuration: SocketIOConfiguration, namespaces: Set<String>, delegate: any SocketIODelegate,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.namespaces = namespaces
        self.delegate = delegate
        self.group = group
        self.logger = logger
        originPolicy = OriginPolicy(configuration.allowedOrigins)
        var shards: [ObjectIdentifier: NIOLoopBoundBox<RoomShard>] = [:]
        for eventLoop in group.makeIterator() {
            shards[ObjectIdentifier(eventLoop)] = .makeBoxSendingValue(RoomShard(), eventLoop: eventLoop)
        }
        self.shards = shards
    }

    public var statistics: SocketIOStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.sessions = state.sessions.count
            return statistics
        }
    }

    /// Sends an event to every socket here that is in a room of the event's namespace.
    public func emit(_ event: EncodedEvent, toRoom room: String) {
        onEachLoop { $0.emit(event, to: room) }
    }

    func onEachLoop(_ body: @escaping @Sendable (RoomShard) -> Void) {
        for eventLoop in group.makeIterator() {
            guard let shard = shards[ObjectIdentifier(eventLoop)] else { continue }
            eventLoop.execute { body(shard.value) }
        }
    }

    // MARK: - Life

    /// Binds and accepts.
    ///
    /// - Returns: the port, which differs from the one asked for when that was 0.
    public func start(host: String, port: Int) async throws -> Int {
        let highMark = configuration.bufferLimit
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // A WebSocket that is not writable has more waiting than a client may leave untaken.
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: highMark / 2, high: highMark)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accepted(channel) }
            }
            .bind(host: host, port: port).get()
        state.withLock { $0.listener = listener }
        return listener.localAddress?.port ?? port
    }

    private func accepted(_ channel: any Channel) throws {
        let isWelcome = state.withLock { state in
            // A polling client uses two connections, its GET and its POST.
            guard !state.isStopped, state.connections.count < 2 * configuration.maxConnections else {
                state.statistics.refusedConnections += 1
                return false
            }
            state.connections[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isWelcome else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        let handler = EngineHTTPHandler(server: self)
        let idle = IdleStateHandler(allTimeout: configuration.pingInterval + configuration.pingTimeout)
        let pipeline = channel.pipeline.syncOperations
        let (boundHandler, boundIdle) = (
            NIOLoopBound(handler, eventLoop: channel.eventLoop),
            NIOLoopBound(idle, eventLoop: channel.eventLoop)
        )
        // On a WebSocket the protocol's heartbeats take over.
        try pipeline.addHandler(idle)
        try pipeline.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [WebSocketUpgrade(server: self).upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(boundHandler.value, promise: nil)
                    context.pipeline.syncOperations.removeHandler(boundIdle.value, promise: nil)
                }
            ))
        try pipeline.addHandler(handler)
    }

    /// Lets nobody in any more; those who are connected stay.
    public func stopAccepting() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try? await listener?.close()
    }

    /// Whether the server takes no new sessions any more.
    public var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Takes no new sessions, and ends those that there are by closing their transports one after another over `time`,
    /// upon which official clients connect anew by themselves: spread, so that they do not all do so at once.
    public func drain(over time: Duration) async {
        let sessions = state.withLock { state in
            state.isDraining = true
            return Array(state.sessions.values)
        }
        let start = ContinuousClock.now
        for (index, session) in sessions.enumerated() {
            let due = start + time * index / max(1, sessions.count)
            if due - .now > Self.drainStep { try? await Task.sleep(until: due) }
            session.run { $0.close(.serverShutdown) }
        }
    }

    /// Closes that are due within such a time happen at once.
    private static let drainStep = Duration.milliseconds(20)

    /// Closes every connection that is left.
    public func stop() async {
        await stopAccepting()
        let connections = state.withLock { state in
            state.isStopped = true
            return Array(state.connections.values)
        }
        for connection in connections { try? await connection.close() }
    }

    // MARK: - Sessions

    func rooms(of eventLoop: any EventLoop) -> RoomShard {
        shards[ObjectIdentifier(eventLoop)]?.value ?? RoomShard()
    }

    func session(_ sid: String) -> SessionReference? { state.withLock { $0.sessions[sid] } }

    /// Whether a further session is allowed.
    var hasRoom: Bool {
        state.withLock { !$0.isDraining && $0.sessions.count < configuration.maxConnections }
    }

    /// On the session's event loop.
    func makeSession(
        _ handshake: EngineSession.Handshake, link: WebSocketLink?, on eventLoop: any EventLoop
    ) -> SessionReference {
        let session = EngineSession(
            sid: Self.randomID(), handshake: handshake, link: link, server: self, eventLoop: eventLoop)
        let reference = SessionReference(session)
        state.withLock { $0.sessions[session.sid] = reference }
        return reference
    }

    /// Answers a polling handshake.
    func handshake(
        _ handshake: EngineSession.Handshake, _ exchange: HTTPExchange, on eventLoop: any EventLoop
    ) {
        guard hasRoom else {
            state.withLock { $0.statistics.refusedConnections += 1 }
            return exchange.respond(.serviceUnavailable, ByteBuffer(string: "Too many connections"))
        }
        let session = makeSession(handshake, link: nil, on: eventLoop).value
        exchange.respond(.ok, EnginePayload.encode([session.openPacket]))
        session.start()
    }

    func sessionEnded(_ reason: EngineCloseReason) {
        if reason == .slowConsumer { state.withLock { $0.statistics.slowConsumers += 1 } }
        logger.debug("session ended", metadata: ["reason": "\(reason.rawValue)"])
    }

    /// No request can use the session any more.
    func forget(_ sid: String) { state.withLock { _ = $0.sessions.removeValue(forKey: sid) } }

    /// 120 random bits as 20 characters of base64url.
    static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<15).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_")
    }
}
