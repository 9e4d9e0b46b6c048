public import Logging
public import NIOCore
public import ServiceLifecycle

/// Subscribes to channels of Redis over a connection of its own, which is made again by itself.
public final class RedisSubscriber: Service, Sendable {
    public enum Event: Sendable {
        /// From now on the channel's messages come. Comes again after each reconnection: some may have been missed.
        case subscribed(String)
        case message(channel: String, ByteBuffer)
    }

    private typealias Connection = RedisConnection<SubscriberMachine>

    private let eventLoop: any EventLoop
    private let connection: NIOLoopBoundBox<Connection>
    private let reachability: RedisReachability

    /// - Parameter onEvent: is called on `eventLoop`.
    public init(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger,
        onEvent: @escaping @Sendable (Event) -> Void
    ) {
        let reachability = RedisReachability()
        self.eventLoop = eventLoop
        self.reachability = reachability
        connection = .makeBoxSendingValue(
            Connection(
                "subscriptions", configuration,
                machine: SubscriberMachine(configuration, random: { Double.random(in: 0...1) }),
                eventLoop: eventLoop, reachability: reachability, logger: logger,
                onOutput: { output in
                    switch output {
                    case .subscribed(let channel): onEvent(.subscribed(channel))
                    case .message(let channel, let payload): onEvent(.message(channel: channel, payload))
                    }
                }),
            eventLoop: eventLoop)
    }

    /// Nil when Redis answers; else why not. For readiness.
    public var missing: String? { reachability.missing }

    /// How many channels are subscribed to.
    public func channelCount() async -> Int {
        let connection = connection
        return (try? await eventLoop.submit { connection.value.machine.channelCount }.get()) ?? 0
    }

    /// Keeps the connection until the process is told to stop.
    public func run() async throws {
        try await connection.keep(on: eventLoop)
    }

    /// Subscribes now, or as soon as Redis is there, and after every reconnection.
    public func subscribe(_ channel: String) { update { $0.subscribe(channel) } }

    public func unsubscribe(_ channel: String) { update { $0.unsubscribe(channel) } }

    private func update(
        _ event: @escaping @Sendable (inout SubscriberMachine) -> [RedisAction<SubscriberMachine.Output>]
    ) {
        let connection = connection
        if eventLoop.inEventLoop {
            connection.value.update(event)
        } else {
            eventLoop.execute { connection.value.update(event) }
        }
    }
}
