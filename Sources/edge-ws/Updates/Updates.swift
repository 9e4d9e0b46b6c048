import CoreMetrics
import Logging
import NIOCore
import RedisClient
import ServiceLifecycle
import Shared
import SocketIO
import Synchronization
import Telemetry

/// The updates of the users who have sockets here. Each event loop brings its own sockets theirs, by its own connections to
/// Redis: nothing crosses from one loop to another on the way.
final class Updates: Sendable {
    private struct Loop: Sendable {
        let commands: RedisClient
        let subscriber: RedisSubscriber
        let fanout: UpdateFanout
    }

    private let loops: [ObjectIdentifier: Loop]
    private let server: ServerReference

    /// - Parameters:
    ///   - emitter: takes what Socket.IO emitters publish; nil: that is not listened to.
    init(
        _ redis: RedisConfiguration, recovery: Recovery, events: UpdateEvents, emitter: EmitterIntake?,
        group: any EventLoopGroup, logger: Logger
    ) {
        let server = ServerReference()
        self.server = server
        let emitted = Counter(.updatesEmitted)
        var loops: [ObjectIdentifier: Loop] = [:]
        for eventLoop in group.makeIterator() {
            let commands = RedisClient(redis, eventLoop: eventLoop, logger: logger)
            let fanout = UpdateFanout(
                commands: commands, recovery: recovery, emitter: emitter?.channels, eventLoop: eventLoop,
                logger: logger
            ) { userID, update, isMissed in
                emitted.increment()
                events.withEvent(for: update, of: userID) {
                    server.value?.emit(
                        $0, toRoom: UserGateway.room(userID), on: eventLoop, isMissed: isMissed)
                }
            }
            let subscriber = RedisSubscriber(redis, eventLoop: eventLoop, logger: logger) { event in
                if case .message(let channel, let message) = event,
                    emitter?.take(
                        message, from: channel,
                        // Every loop with the user gets what is published to their room.
                        toRoom: { server.value?.emit($0, to: $1, on: eventLoop) },
                        toNamespace: { server.value?.emit($0, to: $1) }) == true
                {
                    return
                }
                fanout.handle(event)
            }
            if loops.isEmpty, let channel = emitter?.channels.broadcast { subscriber.subscribe(channel) }
            fanout.attach(subscriber)
            loops[ObjectIdentifier(eventLoop)] = Loop(
                commands: commands, subscriber: subscriber, fanout: fanout)
        }
        self.loops = loops
    }

    /// Where the updates go; comes before anyone joins.
    func attach(_ server: SocketIOServer) { self.server.value = server }

    /// The connections to Redis.
    var services: [any Service] { loops.values.flatMap { [$0.commands, $0.subscriber] as [any Service] } }

    /// For a scrape.
    func samples(with commands: RedisClient) async -> [Sample] {
        var statistics = await commands.statistics()
        var channels = 0
        var up = (commands: commands.missing == nil ? 1 : 0, subscriptions: 0)
        for loop in loops.values {
            statistics += await loop.commands.statistics()
            channels += await loop.subscriber.channelCount()
            if loop.commands.missing == nil { up.commands += 1 }
            if loop.subscriber.missing == nil { up.subscriptions += 1 }
        }
        return statistics.samples + [
            Sample(.redisSubscriptions, count: channels), Sample(.redisUp, "commands", count: up.commands),
            Sample(.redisUp, "subscriptions", count: up.subscriptions),
        ]
    }

    /// Nil when Redis answers on all connections; else why not. For readiness.
    var missing: String? {
        loops.values.lazy.compactMap { $0.commands.missing ?? $0.subscriber.missing }.first
    }

    /// Counts one socket of the user; see ``UpdateFanout/join(_:socket:after:limit:)``.
    func join(
        _ userID: String, _ socket: SocketIOSocket, after: StreamID? = nil, limit: TimeAmount
    ) -> EventLoopFuture<Arrival?> {
        guard let loop = loops[ObjectIdentifier(socket.eventLoop)] else {
            return socket.eventLoop.makeSucceededFuture(nil)
        }
        return loop.fanout.join(userID, socket: ObjectIdentifier(socket), after: after, limit: limit)
    }

    /// Takes one socket of the user off the count.
    func leave(_ userID: String, _ socket: SocketIOSocket) {
        loops[ObjectIdentifier(socket.eventLoop)]?.fanout.leave(userID, socket: ObjectIdentifier(socket))
    }
}

/// The server, which is made after what feeds it.
private final class ServerReference: Sendable {
    private let server = Mutex<SocketIOServer?>(nil)

    var value: SocketIOServer? {
        get { server.withLock { $0 } }
        set { server.withLock { $0 = newValue } }
    }
}
