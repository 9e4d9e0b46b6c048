public import Logging
public import NIOCore

/// A Socket.IO server (protocol 5, over Engine.IO 4) on its own port.
public final class SocketIOServer: Sendable {
    /// What all connections of a server share.
    final class Shared: Sendable {
        let connectTimeout: TimeAmount
        let namespaces: Set<String>
        let delegate: any SocketIODelegate
        let shards: [ObjectIdentifier: NIOLoopBoundBox<RoomShard>]

        init(
            connectTimeout: TimeAmount, namespaces: Set<String>, delegate: any SocketIODelegate,
            group: any EventLoopGroup
        ) {
            self.connectTimeout = connectTimeout
            self.namespaces = namespaces
            self.delegate = delegate
            var shards: [ObjectIdentifier: NIOLoopBoundBox<RoomShard>] = [:]
            for eventLoop in group.makeIterator() {
                shards[ObjectIdentifier(eventLoop)] = .makeBoxSendingValue(RoomShard(), eventLoop: eventLoop)
            }
            self.shards = shards
        }

        func rooms(of eventLoop: any EventLoop) -> RoomShard {
            shards[ObjectIdentifier(eventLoop)]?.value ?? RoomShard()
        }
    }

    let shared: Shared
    private let engine: EngineIOServer
    let group: any EventLoopGroup

    /// - Parameter namespaces: the ones that clients may join; CONNECT to any other is answered with an error.
    public init(
        _ configuration: SocketIOConfiguration, namespaces: Set<String>, delegate: any SocketIODelegate,
        group: any EventLoopGroup, logger: Logger
    ) {
        let shared = Shared(
            connectTimeout: configuration.connectTimeout, namespaces: namespaces, delegate: delegate,
            group: group)
        self.shared = shared
        self.group = group
        engine = EngineIOServer(configuration, group: group, logger: logger) {
            SocketIOConnection($0, shared)
        }
    }

    public var statistics: SocketIOStatistics { engine.statistics }

    /// Bytes that wait for clients.
    public func bufferedBytes() async -> Int { await engine.bufferedBytes() }

    /// How many sockets there are, and rooms, where a room counts on each event loop that has a socket of it.
    public func occupancy() async -> (sockets: Int, rooms: Int) {
        var all = (sockets: 0, rooms: 0)
        for eventLoop in group.makeIterator() {
            guard let shard = shared.shards[ObjectIdentifier(eventLoop)] else { continue }
            let one = try? await eventLoop.submit { (shard.value.socketCount, shard.value.roomCount) }.get()
            all.sockets += one?.0 ?? 0
            all.rooms += one?.1 ?? 0
        }
        return all
    }

    /// Sends an event to every socket of an event loop that is in a room of the event's namespace. On that loop.
    ///
    /// - Parameter isMissed: they should have had it earlier, and get it as they take it, with what is emitted later behind.
    public func emit(
        _ event: EncodedEvent, toRoom room: String, on eventLoop: any EventLoop, isMissed: Bool = false
    ) {
        shared.shards[ObjectIdentifier(eventLoop)]?.value.emit(event, to: room, isMissed: isMissed)
    }

    func onEachLoop(_ body: @escaping @Sendable (RoomShard) -> Void) {
        for eventLoop in group.makeIterator() {
            guard let shard = shared.shards[ObjectIdentifier(eventLoop)] else { continue }
            eventLoop.execute { body(shard.value) }
        }
    }

    /// Binds and accepts.
    ///
    /// - Returns: the port, which differs from the one asked for when that was 0.
    public func start(host: String, port: Int) async throws -> Int {
        try await engine.start(host: host, port: port)
    }

    /// Lets nobody in any more; those who are connected stay.
    public func stopAccepting() async { await engine.stopAccepting() }

    /// Whether the server takes no new sessions any more.
    public var isDraining: Bool { engine.isDraining }

    /// Takes no new sessions, and ends those that there are by closing their transports one after another over `time`,
    /// upon which official clients connect anew by themselves: spread, so that they do not all do so at once.
    public func drain(over time: Duration) async { await engine.drain(over: time) }

    /// Closes every connection that is left.
    public func stop() async { await engine.stop() }
}
