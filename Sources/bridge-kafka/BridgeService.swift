import KafkaClient
import Logging
import NIOCore
import NIOPosix
import OTLPTracing
import ServiceLifecycle
import Shared
import Synchronization
import Telemetry

/// The life of the bridge: it starts before or after its neighbours, serves, drains, and leaves.
final class BridgeService: Service {
    private let settings: BridgeKafkaSettings
    private let common: CommonSettings
    private let supervisor: Supervisor
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let jobs: JobRunner
    private let standIns: ReplyStandIns
    private let readiness: BridgeReadiness
    private let core: NIOLoopBoundBox<BridgeCore>
    private let status: NIOLoopBoundBox<StatusPath>
    /// Makes the producer of a generation.
    private let makeProducer: @Sendable (Int) throws(KafkaError) -> KafkaProducer
    private let producers: Mutex<KafkaProducer>
    /// Brings one element for each producer that is of no use any more.
    private let lost: AsyncStream<Void>
    private let losses: AsyncStream<Void>.Continuation
    private let consumers = Mutex<(reply: KafkaConsumer?, status: KafkaConsumer?)>((nil, nil))
    /// Why it could not listen.
    private let failure = Mutex<(any Error)?>(nil)
    private let stops: AsyncStream<String>
    private let stop: AsyncStream<String>.Continuation

    /// - Throws: ``KafkaError`` when librdkafka does not take the settings.
    init(
        _ settings: BridgeKafkaSettings, _ common: CommonSettings, store: any StatusStore,
        replies: any ReplyStore, tracer: ProcessTracer, supervisor: Supervisor, logger: Logger
    ) throws {
        let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let (stops, stop) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let (lost, losses) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let jobs = JobRunner()
        let readiness = BridgeReadiness()
        // A reply may be as late as the longest deadline, and the request was made before its edge came here.
        let standIns = ReplyStandIns(lasting: settings.longestTimeout + .seconds(30), logger: logger)
        let core: NIOLoopBoundBox<BridgeCore> = .makeBoxSendingValue(
            BridgeCore(
                settings, eventLoop: eventLoop, jobs: jobs, readiness: readiness, replies: replies,
                standIns: standIns, tracer: tracer, logger: logger,
                onReplaced: { stop.yield("another bridge took over") }, onProducerLost: { losses.yield() }),
            eventLoop: eventLoop)
        let status: NIOLoopBoundBox<StatusPath> = .makeBoxSendingValue(
            StatusPath(
                settings, store: store, eventLoop: eventLoop, jobs: jobs, readiness: readiness,
                tracer: tracer,
                logger: logger), eventLoop: eventLoop)
        let makeProducer: @Sendable (Int) throws(KafkaError) -> KafkaProducer = {
            (generation) throws(KafkaError) in
            var configuration = KafkaConfiguration(settings, common)
            configuration.properties["message.max.bytes"] = String(settings.messageLimit)
            return try KafkaProducer(
                configuration, messageTimeout: settings.sendTimeout, logger: logger,
                onReports: { reports in
                    eventLoop.execute {
                        core.value.reported(reports.filter { !StatusPath.isDeadLetter($0.token) })
                        status.value.reported(reports.filter { StatusPath.isDeadLetter($0.token) })
                    }
                },
                onState: { state in
                    eventLoop.execute { core.value.brokerChanged(state, of: generation) }
                })
        }
        producers = Mutex(try makeProducer(0))
        self.makeProducer = makeProducer
        self.lost = lost
        self.losses = losses
        self.settings = settings
        self.common = common
        self.supervisor = supervisor
        self.logger = logger
        self.eventLoop = eventLoop
        self.jobs = jobs
        self.standIns = standIns
        self.readiness = readiness
        self.core = core
        self.status = status
        self.stops = stops
        self.stop = stop
    }

    var missing: [String] { readiness.missing }

    /// What was counted since the start, for the admin port.
    func counts() async -> [String: [String: Int]] {
        let (core, status) = (core, status)
        return
            (try? await eventLoop.submit {
                core.value.counts(status: status.value.counters, .now())
            }.get()) ?? [:]
    }

    /// For a scrape.
    func samples() async -> [Sample] {
        let (core, status) = (core, status)
        return
            (try? await eventLoop.submit { core.value.samples(.now()) + status.value.samples }.get()) ?? []
    }

    /// For a scrape, from what librdkafka said last.
    func kafkaSamples() -> [Sample] {
        let consumers = consumers.withLock { $0 }
        return producer.statistics.samples(of: "producer")
            + (consumers.reply?.statistics.samples(of: "replies") ?? [])
            + (consumers.status?.statistics.samples(of: "status") ?? [])
    }

    private var producer: KafkaProducer { producers.withLock { $0 } }

    func run() async throws {
        let first = producer
        _ = try await attach(generation: 0) { first }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.jobs.run() }
            group.addTask { await self.renewProducers() }
            group.addTask { await self.standIn() }
            await self.serve()
            self.losses.finish()
            self.standIns.stop()
            self.jobs.stop()
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    /// Until it is told to stop, or cannot listen.
    private func serve() async {
        let reason = await withTaskGroup(of: String?.self) { group in
            group.addTask {
                await self.connect()
                return nil
            }
            group.addTask { await self.listen() }
            group.addTask { await self.nextStop() }
            var reason: String?
            while reason == nil, let result = await group.next() { reason = result }
            group.cancelAll()
            return reason
        }
        await shutDown(reason ?? "stopped")
    }

    /// Takes the socket when replies can be read, so that a bridge that is replaced serves until then; a broker that is
    /// away must not keep the edges from learning so.
    ///
    /// - Returns: why it cannot listen, or nil.
    private func listen() async -> String? {
        let deadline = ContinuousClock.now + .seconds(3)
        while !readiness.canListen, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return nil }
        }
        let (core, instance) = (core, common.instance)
        do {
            try await eventLoop.flatSubmit { core.value.start(instance: instance) }.get()
            readiness.set(.socket, nil)
            await supervisor.listening()
            return nil
        } catch {
            failure.withLock { $0 = error }
            return "\(error)"
        }
    }

    private func nextStop() async -> String {
        let stop = stop
        return await withGracefulShutdownHandler {
            for await reason in stops { return reason }
            return "cancelled"
        } onGracefulShutdown: {
            stop.yield("shutting down")
        }
    }

    // MARK: - Kafka

    /// - Parameter make: is called on the loop, so that the producer's first event finds it attached.
    private func attach(
        generation: Int, _ make: @escaping @Sendable () throws -> KafkaProducer
    ) async throws -> KafkaProducer {
        let (core, status) = (core, status)
        return try await eventLoop.submit {
            let producer = try make()
            core.value.attach(producer, generation: generation)
            status.value.attach(producer)
            return producer
        }.get()
    }

    /// Puts a new producer in the place of each that is lost. What the old one still has gets its reports first.
    private func renewProducers() async {
        await withDiscardingTaskGroup { group in
            var generation = 0
            for await _ in lost {
                generation += 1
                do {
                    let number = generation
                    let new = try await attach(generation: number) { try self.makeProducer(number) }
                    let old = producers.withLock { producer in
                        defer { producer = new }
                        return producer
                    }
                    // librdkafka looks once a second for what has timed out.
                    let timeout = settings.sendTimeout + .seconds(2)
                    group.addTask {
                        _ = await old.flush(timeout: timeout)
                        await old.close()
                    }
                } catch {
                    logger.error("no new producer", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .milliseconds(500))
                    losses.yield()
                }
            }
        }
    }

    /// Comes to the reply partition and the status topics, however long the broker is away.
    private func connect() async {
        await retry("replies", part: .replies) { try await self.consumeReplies() }
        while !Task.isCancelled, !settings.statusTopics.isEmpty {
            let (failures, failed) = AsyncStream<KafkaError>.makeStream(bufferingPolicy: .bufferingOldest(1))
            await retry("status topics", part: .status) {
                try await self.consumeStatus { failed.yield($0) }
            }
            // Ends when this is cancelled; goes on when the group member is broken and has to be made anew.
            for await error in failures {
                readiness.set(.status, "status topics: \(error.message)")
                logger.error("the status consumer is broken", metadata: ["error": "\(error)"])
                break
            }
            try? await Task.sleep(for: .seconds(5))
        }
    }

    private func retry(
        _ what: String, part: BridgeReadiness.Part, _ work: () async throws -> Void
    ) async {
        var shown: String?
        while !Task.isCancelled {
            do {
                return try await work()
            } catch {
                let problem = "\(what): \(error)"
                readiness.set(part, problem)
                if problem != shown { logger.warning("not ready yet", metadata: ["reason": "\(problem)"]) }
                shown = problem
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    private func consumeReplies() async throws {
        let admin = producer.admin
        let wanted = [
            KafkaAdmin.NewTopic(
                name: settings.replyTopic, partitions: settings.replyPartitions,
                replication: settings.replicationFactor),
            KafkaAdmin.NewTopic(
                name: settings.deadLetterTopic, partitions: 1, replication: settings.replicationFactor),
        ]
        let present = try await admin.topics()
        let missing = wanted.filter { present[$0.name] == nil }
        if !missing.isEmpty { try await admin.createTopics(missing) }
        guard let count = try await admin.topics()[settings.replyTopic] else {
            throw StartError(description: "the topic \(settings.replyTopic) does not show up")
        }
        let number = ownReplies.number(of: count)
        guard number < count else {
            throw StartError(
                description: "KAFKA_REPLY_PARTITION is \(number), but \(settings.replyTopic) has \(count)")
        }
        let consumer = try await readReplies(number) { _ in true }
        consumers.withLock { $0.reply = consumer }
    }

    private var ownReplies: ReplySource {
        ReplySource(partition: settings.replyPartition, instance: common.instance)
    }

    private func readReplies(
        _ number: Int32, _ isWanted: @escaping @Sendable (ConsumerEvent) -> Bool
    ) async throws -> KafkaConsumer {
        let partition = TopicPartition(settings.replyTopic, number)
        let start = try await replyStart(partition)
        let (core, eventLoop, settings, logger) = (core, eventLoop, settings, logger)
        let configuration = KafkaConfiguration(settings, common)
        return try await eventLoop.submit {
            try KafkaConsumer(
                configuration, mode: .assigned([.init(partition, start.offset)], groupName: settings.group),
                fetchWait: settings.fetchWait, logger: logger
            ) { events in
                let wanted = events.filter { start.isWanted($0) && isWanted($0) }
                eventLoop.execute { core.value.handle(wanted) }
            }
        }.get()
    }

    /// Reads replies of bridges that edges come from; only the own partition is named in requests.
    private func standIn() async {
        await standIns.run { source in
            guard let count = try await self.producer.admin.topics()[self.settings.replyTopic] else {
                throw StartError(description: "the topic \(self.settings.replyTopic) does not show up")
            }
            let number = source.number(of: count)
            guard number < count else { return nil }
            return number == self.ownReplies.number(of: count) ? nil : number
        } open: { number in
            let consumer = try await self.readReplies(number) {
                if case .message = $0 { true } else { false }
            }
            return { await consumer.close() }
        }
    }

    /// Where replies may be that nobody has read: what came within the longest timeout, else only what comes now.
    ///
    /// The end is asked for first: a reply that comes between the two questions is then read and not passed over.
    private func replyStart(_ partition: TopicPartition) async throws -> ReplyStart {
        let known = try await producer.admin.watermarks(of: partition)
        let earliest = WallClock.millisecondsSince1970() - settings.longestTimeout.milliseconds
        let found = try await producer.admin.offsets(forTime: earliest, of: [partition])[partition]
        return ReplyStart(found: found, known: known, earliest: earliest)
    }

    private func consumeStatus(_ failed: @escaping @Sendable (KafkaError) -> Void) async throws {
        let old = consumers.withLock { consumers in
            defer { consumers.status = nil }
            return consumers.status
        }
        await old?.close()
        let (status, eventLoop, settings, logger) = (status, eventLoop, settings, logger)
        var configuration = KafkaConfiguration(settings, common)
        // A status topic may be made after the bridge has started.
        configuration.properties.merge(["topic.metadata.refresh.interval.ms": "2000"]) { own, _ in own }
        let mode = ConsumerMode.group(
            topics: settings.statusTopics, groupID: settings.group, instanceID: common.instance,
            startAtEarliest: true)
        let shared = configuration
        // Made on the loop, so that its first event finds it attached.
        let consumer = try await eventLoop.submit {
            let consumer = try KafkaConsumer(
                shared, mode: mode, fetchWait: settings.fetchWait, logger: logger
            ) { events in
                for case .error(let error) in events where error.isFatal { failed(error) }
                eventLoop.execute { status.value.handle(events) }
            }
            status.value.attach(consumer)
            return consumer
        }.get()
        consumers.withLock { $0.status = consumer }
    }

    // MARK: - The end

    private func shutDown(_ reason: String) async {
        readiness.set(.draining, "draining: \(reason)")
        logger.info("draining", metadata: ["reason": "\(reason)"])
        let (core, status) = (core, status)
        let deadline = ContinuousClock.now + common.shutdownTimeout
        try? await eventLoop.submit { core.value.drain(reason) }.get()
        // A request that crosses the goaway is still read, and told that nothing was sent.
        try? await Task.sleep(for: .milliseconds(100))
        await wait(until: deadline) { !core.value.isBusy }
        // Not before, since nobody else reads the partitions of a static member meanwhile.
        try? await eventLoop.submit { status.value.stop() }.get()
        await wait(until: deadline) { status.value.isIdle }
        _ = await producer.flush(timeout: max(.seconds(1), deadline - .now))
        let counters = try? await eventLoop.submit {
            status.value.commitAll()
            core.value.stop()
            var counters = core.value.counters
            counters.status = status.value.counters
            return (counters, core.value.inFlight)
        }.get()
        let open = consumers.withLock { [$0.reply, $0.status].compactMap { $0 } }
        for consumer in open { await consumer.close() }
        await producer.close()
        if let (counters, inFlight) = counters {
            logger.info("summary", metadata: counters.metadata.merging(["inFlight": "\(inFlight)"]) { $1 })
        }
    }

    private func wait(until end: ContinuousClock.Instant, _ isDone: @escaping @Sendable () -> Bool) async {
        while ContinuousClock.now < end {
            if (try? await eventLoop.submit(isDone).get()) != false { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}
