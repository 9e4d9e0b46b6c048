public import Logging
public import NIOCore
import Synchronization

/// An Engine.IO server (protocol 4) on its own port.
public final class EngineIOServer: Sendable {
    private struct State {
        var sessions: [String: SessionReference] = [:]
        var statistics = SocketIOStatistics()
        var isDraining = false
    }

    let configuration: SocketIOConfiguration
    let originPolicy: OriginPolicy
    let webSocketUpgrade = WebSocketUpgrade()
    private let makeApplication: @Sendable (EngineSession) -> any EngineIOApplication
    private let loops: [ObjectIdentifier: NIOLoopBoundBox<EngineLoop>]
    private let listener: Listener
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter application: makes what speaks over a new session, on the session's event loop.
    public init(
        _ configuration: SocketIOConfiguration, group: any EventLoopGroup, logger: Logger,
        application: @escaping @Sendable (EngineSession) -> any EngineIOApplication
    ) {
        self.configuration = configuration
        self.logger = logger
        makeApplication = application
        originPolicy = OriginPolicy(configuration.allowedOrigins)
        var loops: [ObjectIdentifier: NIOLoopBoundBox<EngineLoop>] = [:]
        for eventLoop in group.makeIterator() {
            loops[ObjectIdentifier(eventLoop)] = .makeBoxSendingValue(
                EngineLoop(eventLoop), eventLoop: eventLoop)
        }
        self.loops = loops
        listener = Listener(
            // A polling client uses two connections, its GET and its POST.
            group: group, maxConnections: 2 * configuration.maxConnections,
            // A WebSocket that is not writable has more waiting than a client may leave untaken.
            bufferLimit: configuration.bufferLimit)
    }

    public var statistics: SocketIOStatistics {
        var statistics = state.withLock { state in
            var statistics = state.statistics
            statistics.sessions = state.sessions.count
            return statistics
        }
        statistics.refusedConnections += listener.refusedConnections
        statistics.connections = listener.connectionCount
        return statistics
    }

    /// Bytes that wait for clients.
    public func bufferedBytes() async -> Int {
        let sessions = state.withLock { Array($0.sessions.values) }
        var bytes = 0
        var links: [WebSocketLink] = []
        await Self.ask(sessions, on: \.eventLoop) { session in
            (session.value.waitingBytes, session.value.webSocket)
        } take: { waiting, link in
            bytes += waiting
            if let link { links.append(link) }
        }
        // A session that was upgraded may have its WebSocket on another loop than its own.
        await Self.ask(links, on: \.channel.eventLoop, \.bufferedBytes) { bytes += $0 }
        return bytes
    }

    /// Asks each item on its event loop, a thousand at a time, so that no loop is held up by many of them.
    private static func ask<Item: Sendable, Answer: Sendable>(
        _ items: [Item], on eventLoop: (Item) -> any EventLoop,
        _ answer: @escaping @Sendable (Item) -> Answer, take: (Answer) -> Void
    ) async {
        for part in Dictionary(grouping: items, by: { ObjectIdentifier(eventLoop($0)) }).values {
            for start in stride(from: 0, to: part.count, by: 1000) {
                let some = part[start..<min(start + 1000, part.count)]
                let answers = try? await eventLoop(part[start]).submit { some.map(answer) }.get()
                answers?.forEach(take)
            }
        }
    }

    // MARK: - Life

    /// Binds and accepts.
    ///
    /// - Returns: the port, which differs from the one asked for when that was 0.
    public func start(host: String, port: Int) async throws -> Int {
        try await listener.start(host: host, port: port) { channel in
            try EngineHTTPHandler.add(to: channel, server: self, loop: self.loop(of: channel.eventLoop))
        }
    }

    private func loop(of eventLoop: any EventLoop) -> EngineLoop {
        loops[ObjectIdentifier(eventLoop)]?.value ?? EngineLoop(eventLoop)
    }

    /// Lets nobody in any more; those who are connected stay.
    public func stopAccepting() async { await listener.stopAccepting() }

    /// Whether the server takes no new sessions any more.
    public var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Takes no new sessions, and ends those that there are by closing their transports one after another over `time`.
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
    public func stop() async { await listener.stop() }

    // MARK: - Sessions

    func session(_ sid: String) -> SessionReference? { state.withLock { $0.sessions[sid] } }

    /// Begins a session, on the event loop that is to be its own.
    ///
    /// - Parameter link: the WebSocket that it begins on; nil for polling.
    /// - Returns: nil when the server takes no further sessions, which is counted.
    func makeSession(_ handshake: Handshake, link: WebSocketLink?, on loop: EngineLoop) -> EngineSession? {
        let session = EngineSession(
            sid: Self.randomID(), handshake: handshake, link: link, server: self, loop: loop)
        let reference = SessionReference(session)
        let isWelcome = state.withLock { state in
            guard !state.isDraining, state.sessions.count < configuration.maxConnections else {
                state.statistics.refusedConnections += 1
                return false
            }
            state.sessions[session.sid] = reference
            if link == nil {
                state.statistics.begunByPolling += 1
            } else {
                state.statistics.begunOnWebSocket += 1
                state.statistics.webSockets += 1
            }
            return true
        }
        return isWelcome ? session : nil
    }

    func start(_ session: EngineSession) { session.start(makeApplication(session)) }

    /// A session has gone over from polling to WebSocket.
    func upgraded() {
        state.withLock { state in
            state.statistics.upgrades += 1
            state.statistics.webSockets += 1
        }
    }

    func sessionEnded(_ reason: EngineCloseReason, onWebSocket: Bool) {
        state.withLock { state in
            state.statistics.ended[reason, default: 0] += 1
            if onWebSocket { state.statistics.webSockets -= 1 }
        }
        logger.debug("session ended", metadata: ["reason": "\(reason.rawValue)"])
    }

    /// No request can use the session any more.
    func forget(_ sid: String) { state.withLock { _ = $0.sessions.removeValue(forKey: sid) } }

    /// 120 random bits as 20 characters of base64url (RFC 4648, §5).
    static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        let (high, low) = (generator.next(), generator.next())
        return String(unsafeUninitializedCapacity: 20) { buffer in
            for index in 0..<10 {
                buffer[index] = base64url[Int(truncatingIfNeeded: high >> (6 * UInt64(index)) & 63)]
                buffer[index + 10] = base64url[Int(truncatingIfNeeded: low >> (6 * UInt64(index)) & 63)]
            }
            return 20
        }
    }

    private static let base64url = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}

/// A session that is known from any thread and used on its own event loop.
struct SessionReference: Sendable {
    private let session: NIOLoopBound<EngineSession>

    /// On the session's event loop.
    init(_ session: EngineSession) { self.session = NIOLoopBound(session, eventLoop: session.eventLoop) }

    var eventLoop: any EventLoop { session.eventLoop }

    /// On the session's event loop.
    var value: EngineSession { session.value }

    /// At once on the session's event loop, soon from elsewhere.
    func run(_ body: @escaping @Sendable (EngineSession) -> Void) {
        if eventLoop.inEventLoop {
            body(session.value)
        } else {
            eventLoop.execute { body(session.value) }
        }
    }
}
