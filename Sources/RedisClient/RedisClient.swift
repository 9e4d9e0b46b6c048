public import Logging
public import NIOCore
public import NIOPosix
public import ServiceLifecycle
import Telemetry

/// Sends commands to Redis over one pipelined connection, which is made again by itself.
public final class RedisClient: Service, Sendable {
    public typealias Completion = @Sendable (Result<RESPValue, RedisError>) -> Void
    private typealias Connection = RedisConnection<CommandMachine<Completion>>

    private let eventLoop: any EventLoop
    private let connection: NIOLoopBoundBox<Connection>
    private let reachability: RedisReachability
    private let bounds: (items: Int, bytes: Int)
    private let meter = CommandMeter()

    public init(
        _ configuration: RedisConfiguration,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any(),
        logger: Logger
    ) {
        let reachability = RedisReachability()
        self.eventLoop = eventLoop
        self.reachability = reachability
        bounds = (configuration.maxPending, configuration.maxPendingBytes)
        connection = .makeBoxSendingValue(
            Connection(
                "commands", configuration,
                machine: CommandMachine(configuration, random: { Double.random(in: 0...1) }),
                eventLoop: eventLoop, reachability: reachability, logger: logger,
                onOutput: { $0.waiter($0.result) }),
            eventLoop: eventLoop)
    }

    /// Nil when Redis takes commands; else why not. For readiness.
    public var missing: String? { reachability.missing }

    /// What waits for Redis.
    public func statistics() async -> RedisStatistics {
        let (connection, bounds) = (connection, bounds)
        let statistics = try? await eventLoop.submit {
            let machine = connection.value.machine
            return RedisStatistics(
                waiting: machine.pendingCount, waitingBytes: machine.pendingBytes, refused: machine.refused,
                limit: bounds.items, byteLimit: bounds.bytes)
        }.get()
        return statistics ?? RedisStatistics()
    }

    /// Keeps the connection until the process is told to stop.
    public func run() async throws {
        try await connection.keep(on: eventLoop)
    }

    /// Sends one command; `completion` is called once, on the event loop, within the reply timeout.
    public func send(_ arguments: [RedisArgument], completion: @escaping Completion) {
        var command = ByteBuffer()
        command.writeRedisCommand(arguments)
        let (bytes, connection, meter, start) = (command, connection, meter, NIODeadline.now())
        let submit: @Sendable () -> Void = {
            let waiter: Completion = { result in
                meter.ended(result, since: start)
                completion(result)
            }
            connection.value.update { $0.submit(bytes, waiter: waiter, .now()) }
        }
        if eventLoop.inEventLoop { submit() } else { eventLoop.execute(submit) }
    }

    /// Sends one command.
    public func send(_ arguments: [RedisArgument]) async throws(RedisError) -> RESPValue {
        let result = await withCheckedContinuation { continuation in
            send(arguments) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Runs a Lua script, atomically (EVAL), for one who can do without its reply.
    ///
    /// - Returns: nil where Redis is away, refuses, or does not answer in time; the script may have run.
    public func evaluate(
        _ script: String, keys: [String], arguments: [RedisArgument], within patience: TimeAmount
    ) async -> RESPValue? {
        guard missing == nil else { return nil }
        let reply = eventLoop.makePromise(of: RESPValue?.self)
        evaluate(script, keys: keys, arguments: arguments) { reply.succeed(try? $0.get()) }
        let timer = eventLoop.scheduleTask(in: patience) { reply.succeed(nil) }
        defer { timer.cancel() }
        return try? await reply.futureResult.get()
    }

    /// Runs a Lua script, atomically (EVAL).
    public func evaluate(
        _ script: String, keys: [String], arguments: [RedisArgument]
    ) async throws(RedisError) -> RESPValue {
        try await send(Self.eval(script, keys, arguments))
    }

    /// Runs a Lua script, atomically (EVAL); `completion` is called once, on the event loop, within the reply timeout.
    public func evaluate(
        _ script: String, keys: [String], arguments: [RedisArgument], completion: @escaping Completion
    ) {
        send(Self.eval(script, keys, arguments), completion: completion)
    }

    private static func eval(
        _ script: String, _ keys: [String], _ arguments: [RedisArgument]
    ) -> [RedisArgument] {
        ["EVAL", .text(script), RedisArgument(keys.count)] + keys.map { .text($0) } + arguments
    }
}
