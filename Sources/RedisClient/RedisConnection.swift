import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import Telemetry

/// Performs the actions of a ``RedisMachine``. Lives on one event loop.
final class RedisConnection<Machine: RedisMachine> {
    private let name: String
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let reachability: RedisReachability
    private let logger: Logger
    private let onOutput: (Machine.Output) -> Void
    private(set) var machine: Machine
    private let connections: Counter
    private var channel: (any Channel)?
    /// Counts attempts, to tell events of the present connection from those of one that was given up.
    private var attempt = 0
    private var wakeUp: (deadline: NIODeadline, task: Scheduled<Void>)?
    private var reported: String? = ""
    private var willFlush = false

    init(
        _ name: String, _ configuration: RedisConfiguration, machine: Machine, eventLoop: any EventLoop,
        reachability: RedisReachability, logger: Logger, onOutput: @escaping (Machine.Output) -> Void
    ) {
        self.name = name
        connections = Counter(.redisConnections, name)
        self.configuration = configuration
        self.machine = machine
        self.eventLoop = eventLoop
        self.reachability = reachability
        self.logger = logger
        self.onOutput = onOutput
    }

    func start() { update { $0.start() } }

    func stop() {
        update { $0.stop() }
        wakeUp?.task.cancel()
        wakeUp = nil
    }

    func update(_ event: (inout Machine) -> [RedisAction<Machine.Output>]) {
        let actions = event(&machine)
        report()
        for action in actions {
            switch action {
            case .connect: connect()
            case .write(let bytes):
                channel?.write(bytes, promise: nil)
                flushSoon()
            case .close: close()
            case .output(let output): onOutput(output)
            }
        }
        scheduleWakeUp()
    }

    /// What is sent in one turn of the event loop leaves at once.
    private func flushSoon() {
        guard !willFlush else { return }
        willFlush = true
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute {
            connection.value.willFlush = false
            connection.value.channel?.flush()
        }
    }

    private func close() {
        attempt += 1
        channel?.close(promise: nil)
        channel = nil
    }

    private func connect() {
        attempt += 1
        let (attempt, configuration) = (attempt, configuration)
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(configuration.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let reader = try RESPReader(
                        maxReplyBytes: configuration.maxReplyBytes, maxElements: configuration.maxElements)
                    let pipeline = channel.pipeline.syncOperations
                    if let tls = configuration.tls {
                        try pipeline.addHandler(Self.tlsHandler(tls, host: configuration.host))
                    }
                    try pipeline.addHandler(
                        RESPHandler(reader, host: configuration.host) { connection.value.handle($0, attempt) }
                    )
                }
            }
            .connect(host: configuration.host, port: configuration.port)
            .hop(to: eventLoop)
            .whenComplete { connection.value.connected($0, attempt) }
    }

    /// The certificate has to name the host; of an address, the one that was connected to.
    private static func tlsHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }

    private func connected(_ result: Result<any Channel, any Error>, _ attempt: Int) {
        switch result {
        case .success(let channel):
            guard attempt == self.attempt else { return channel.close(promise: nil) }
            self.channel = channel
            update { $0.connected(.now()) }
            if !channel.isActive { handle(.closed("the connection was closed at once"), attempt) }
        case .failure(let error):
            guard attempt == self.attempt else { return }
            logger.debug("no connection", metadata: ["connection": "\(name)", "error": "\(error)"])
            let place = "\(configuration.host):\(configuration.port)"
            update { $0.closed("\(place) cannot be reached", .now()) }
        }
    }

    private func handle(_ event: RESPHandler.Event, _ attempt: Int) {
        guard attempt == self.attempt, channel != nil else { return }
        switch event {
        case .value(let value): update { $0.received(value, .now()) }
        case .closed(let reason):
            close()
            update { $0.closed(reason, .now()) }
        }
    }

    private func report() {
        let missing = machine.missing
        guard missing != reported else { return }
        let isFirst = reported?.isEmpty == true
        reported = missing
        reachability.set(missing)
        if let missing {
            if !isFirst {
                logger.warning("redis lost", metadata: ["connection": "\(name)", "reason": "\(missing)"])
            }
        } else {
            connections.increment()
            logger.info("redis connected", metadata: ["connection": "\(name)"])
        }
    }

    private func scheduleWakeUp() {
        guard let next = machine.nextWakeUp else { return }
        if let wakeUp, wakeUp.deadline <= next { return }
        wakeUp?.task.cancel()
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        let task = eventLoop.scheduleTask(deadline: next) {
            connection.value.wakeUp = nil
            connection.value.update { $0.tick(.now()) }
        }
        wakeUp = (next, task)
    }
}

extension NIOLoopBoundBox {
    /// Keeps the connection until the process is told to stop.
    func keep<Machine>(on eventLoop: any EventLoop) async throws where Value == RedisConnection<Machine> {
        try await eventLoop.submit { self.value.start() }.get()
        try? await gracefulShutdown()
        try await eventLoop.submit { self.value.stop() }.get()
    }
}

/// What other threads may know of a connection.
final class RedisReachability: Sendable {
    private let state = Mutex<String?>("not connected yet")

    var missing: String? { state.withLock { $0 } }

    func set(_ missing: String?) { state.withLock { $0 = missing } }
}

/// Turns bytes into replies.
private final class RESPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    enum Event {
        case value(RESPValue)
        case closed(String)
    }

    private let reader: RESPReader
    private let host: String
    private let deliver: (Event) -> Void
    private var isDone = false

    init(_ reader: RESPReader, host: String, deliver: @escaping (Event) -> Void) {
        self.reader = reader
        self.host = host
        self.deliver = deliver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(RedisError) {
            try reader.feed(unwrapInboundIn(data))
            while !isDone, let value = try reader.next() { deliver(.value(value)) }
        } catch {
            end(context, "\(error)")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, "the connection was closed")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(context, reason(error)) }

    private func reason(_ error: any Error) -> String {
        switch error {
        // Without TLS' farewell, as of a process that was killed.
        case NIOSSLError.uncleanShutdown: return "the connection was closed"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return "TLS: the certificate does not name \(host)"
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            // BoringSSL's name of what went wrong, without its numbers and source files.
            let name = "\(error)".firstMatch(of: /OPENSSL_internal:(\w+)/).map { String($0.1) }
            return "TLS: \(name ?? "\(error)")"
        default: return "\(error)"
        }
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        guard !isDone else { return }
        isDone = true
        context.close(promise: nil)
        deliver(.closed(reason))
    }
}
