public import Logging
public import NIOCore
import NIOPosix

/// What the bridge is asked by its edges. All calls come on the server's event loop.
public protocol BridgeServerDelegate: AnyObject {
    func requested(_ request: BridgeRequest, by session: BridgeSession)
    func emitted(_ request: BridgeRequest, by session: BridgeSession)
    /// An edge still waits for the reply of a request that went through an earlier connection.
    func resumed(_ id: BridgeRequestID, timeout: Duration, by session: BridgeSession)
    /// Requests went through another bridge, whose replies come in there.
    ///
    /// - Parameter replySource: as that bridge told it by ``BridgeServerConfiguration/replySource``.
    func stoodIn(for replySource: String)
    func cancelled(_ id: BridgeRequestID, by session: BridgeSession)
    func closed(_ session: BridgeSession, waitingFor ids: Set<BridgeRequestID>)
    /// Another bridge listens at the socket's path now; this one should drain and leave.
    func replaced()
}

public struct BridgeServerConfiguration: Sendable {
    public var path: String
    public var instance: String
    /// Where this bridge's replies come in.
    public var replySource: String
    /// Requests in flight per connection of an edge.
    public var window: Int
    /// Bytes.
    public var maxFrame: Int
    /// Users that may connect; the process's own is always one of them.
    public var allowedUserIDs: Set<UInt32>
    public var maxConnections = BridgeServer.maxConnections
    /// Bytes queued for an edge that does not read, beyond which it is cut off.
    public var bufferLimit = 64 << 20

    public init(
        path: String, instance: String, replySource: String, window: Int, maxFrame: Int,
        allowedUserIDs: Set<UInt32>
    ) {
        self.path = path
        self.instance = instance
        self.replySource = replySource
        self.window = window
        self.maxFrame = maxFrame
        self.allowedUserIDs = allowedUserIDs
    }
}

/// Listens on the Unix-domain socket. Lives on one event loop, and so does its delegate.
public final class BridgeServer {
    /// Edges that one bridge serves.
    public static let maxConnections = 1024

    private let configuration: BridgeServerConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private weak var delegate: (any BridgeServerDelegate)?
    private var listener: (any Channel)?
    private var identity: BridgeSocketFile.Identity?
    private var watch: RepeatedTask?
    private(set) var sessions: [ObjectIdentifier: BridgeSession] = [:]
    private var isDraining = false

    public init(
        _ configuration: BridgeServerConfiguration, delegate: any BridgeServerDelegate,
        eventLoop: any EventLoop, logger: Logger
    ) {
        self.configuration = configuration
        self.delegate = delegate
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Binds beside the path and renames over it: a stale socket is replaced, and a running bridge is taken over from.
    public func start() -> EventLoopFuture<Void> {
        let temporary = "\(configuration.path).\(UInt32.random(in: 0...UInt32.max))"
        do {
            try BridgeSocketFile.makeDirectory(for: configuration.path)
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
        let server = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 8 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try server.value.accept(channel) }
            }
            .bind(unixDomainSocketPath: temporary)
            .assumeIsolated()
            .flatMapThrowing { channel in
                server.value.listener = channel
                server.value.identity = try BridgeSocketFile.install(
                    temporary, as: server.value.configuration.path)
                server.value.watchPath()
                server.value.logger.info(
                    "listening", metadata: ["path": "\(server.value.configuration.path)"])
            }
            .nonisolated()
    }

    public var connectionCount: Int { sessions.count }

    /// Tells every edge to go elsewhere; what is in flight goes on.
    public func drain(_ reason: String) {
        isDraining = true
        listener?.close(promise: nil)
        listener = nil
        for session in sessions.values { session.drain(reason) }
    }

    /// Closes every connection and removes the socket, if it is still this bridge's.
    public func stop() {
        drain("stopped")
        watch?.cancel()
        for session in sessions.values { session.close() }
        if let identity { BridgeSocketFile.remove(configuration.path, ifStill: identity) }
    }

    private func watchPath() {
        let server = NIOLoopBound(self, eventLoop: eventLoop)
        watch = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { task in
            let current = BridgeSocketFile.identity(of: server.value.configuration.path)
            guard let current, current != server.value.identity else { return }
            task.cancel()
            server.value.logger.notice("another bridge has taken the socket over")
            server.value.delegate?.replaced()
        }
    }

    private func accept(_ channel: any Channel) throws {
        guard let delegate, !isDraining, sessions.count < configuration.maxConnections else {
            throw ChannelError.operationUnsupported
        }
        let session = BridgeSession(configuration, eventLoop: eventLoop, delegate: delegate) { [weak self] in
            self?.sessions[ObjectIdentifier($0)] = nil
        }
        try channel.pipeline.syncOperations.addHandler(session.handler)
        sessions[ObjectIdentifier(session)] = session
        let allowed = configuration.allowedUserIDs.union([PeerCredentials.ownUserID])
        let bound = NIOLoopBound((session, logger), eventLoop: eventLoop)
        PeerCredentials.userID(of: channel).whenComplete { result in
            let (session, logger) = bound.value
            let id = try? result.get()
            if let id, allowed.contains(id) { return session.start() }
            logger.warning(
                "refused a peer on the socket", metadata: ["uid": "\(id.map(String.init) ?? "unknown")"])
            session.refuse(BridgeProtocolError(.forbiddenPeer, "this user may not use the bridge"))
        }
    }
}
