import KafkaClient
import Logging
import NIOCore
import OTLPTracing
import Shared
import Telemetry
import Tracing

/// The way of a request: from an edge to its topic, and from the reply partition back. Confined to one event loop.
final class BridgeCore: BridgeServerDelegate {
    typealias Table = RequestTable<BridgeSession>

    private struct Parked {
        let request: BridgeRequest
        let session: BridgeSession
        let token: UInt64
        let isEvent: Bool
    }

    private let eventLoop: any EventLoop
    private let settings: BridgeKafkaSettings
    private let jobs: JobRunner
    private let readiness: BridgeReadiness
    private let keeper: ReplyKeeper
    private let logger: Logger
    private var table: Table
    private var traces: RequestTraces
    private var directory = TopicDirectory<Parked>()
    private var producer: KafkaProducer?
    /// Which producer that is; what earlier ones say of the broker counts no more.
    private var generation = 0
    private var server: BridgeServer?
    private var replyHeaders: [KafkaHeader]?
    private var isBrokerUp = false
    private var wakeUp: (at: NIODeadline, task: Scheduled<Void>)?
    private let onReplaced: @Sendable () -> Void
    private let onProducerLost: @Sendable () -> Void
    private let standIns: ReplyStandIns

    init(
        _ settings: BridgeKafkaSettings, eventLoop: any EventLoop, jobs: JobRunner,
        readiness: BridgeReadiness, replies: any ReplyStore, standIns: ReplyStandIns,
        tracer: ProcessTracer, logger: Logger,
        onReplaced: @escaping @Sendable () -> Void,
        onProducerLost: @escaping @Sendable () -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.jobs = jobs
        self.readiness = readiness
        keeper = ReplyKeeper(store: replies, eventLoop: eventLoop)
        self.standIns = standIns
        traces = RequestTraces(tracer)
        self.logger = logger
        self.onReplaced = onReplaced
        self.onProducerLost = onProducerLost
        table = Table(
            limits: .init(longestTimeout: TimeAmount(settings.longestTimeout)))
    }

    var counters: Counters {
        var counters = table.counters
        counters.kept = keeper.counters
        return counters
    }
    var inFlight: Int { table.inFlight }
    /// For the admin port.
    func counts(status: Counters.Status, _ now: NIODeadline) -> [String: [String: Int]] {
        var counters = counters
        counters.status = status
        var counts = counters.counts
        counts["now"] = [
            "inFlight": table.inFlight, "edges": server?.connectionCount ?? 0, "window": settings.window,
            "oldestWaitingMs": table.oldest.map { Int((now - $0).nanoseconds / 1_000_000) } ?? 0,
        ]
        return counts
    }
    /// For a scrape.
    func samples(_ now: NIODeadline) -> [Sample] {
        let edges = server?.connectionCount ?? 0
        return counters.samples + keeper.samples + [
            Sample(.bridgeOldest, value: table.oldest.map { Double((now - $0).nanoseconds) / 1e9 } ?? 0)
        ]
            + Sample.queue(
                "requests", items: table.inFlight, itemsLimit: table.limits.entries,
                refused: table.counters.refused[BridgeFailure.Code.queueFull.rawValue] ?? 0)
            + Sample.queue("edges", items: edges, itemsLimit: BridgeServer.maxConnections)
            + Sample.queue(
                "unclaimed_replies", bytes: table.orphanBytes, bytesLimit: table.limits.orphans.bytes)
            + Sample.queue(
                "handed_over_replies", bytes: table.handedOverBytes,
                bytesLimit: table.limits.handedOver.bytes)
            + Sample.queue(
                "topic_lookups", items: directory.parkedCount,
                itemsLimit: TopicDirectory<Parked>.maxParked)
            + Sample.queue(
                "jobs", items: jobs.waiting, itemsLimit: jobs.capacity, refused: jobs.refused)
    }
    /// Whether an edge waits for something, or a reply is on its way to Redis.
    var isBusy: Bool { table.isAnyoneWaiting || !keeper.isIdle }

    // MARK: - Life

    /// What requests go through from now on.
    func attach(_ producer: KafkaProducer, generation: Int) {
        self.producer = producer
        self.generation = generation
    }

    func start(instance: String) -> EventLoopFuture<Void> {
        let server = BridgeServer(
            BridgeServerConfiguration(
                path: settings.bridgeSocket, instance: instance,
                replySource: ReplySource(partition: settings.replyPartition, instance: instance).text,
                window: settings.window,
                maxFrame: settings.maxFrame, allowedUserIDs: settings.allowedUserIDs),
            delegate: self, eventLoop: eventLoop, logger: logger)
        self.server = server
        return server.start()
    }

    func drain(_ reason: String) { server?.drain(reason) }

    func stop() {
        server?.stop()
        keeper.stop()
        wakeUp?.task.cancel()
        wakeUp = nil
    }

    func replaced() { onReplaced() }

    // MARK: - From the edges

    func requested(_ request: BridgeRequest, by session: BridgeSession) {
        accept(request, by: session, isEvent: false)
    }

    func emitted(_ request: BridgeRequest, by session: BridgeSession) {
        accept(request, by: session, isEvent: true)
    }

    private func accept(_ request: BridgeRequest, by session: BridgeSession, isEvent: Bool) {
        do throws(BridgeFailure) {
            try check(request)
            let token = try table.begin(
                request.id, edge: session, timeout: request.timeout, isEvent: isEvent,
                keepsReply: request.keepsReply, .now())
            let parked = Parked(request: request, session: session, token: token, isEvent: isEvent)
            switch directory.look(request.topic, park: parked, .now()) {
            case .known: produce(parked)
            case .missing: perform(table.rejected(token, missing(request.topic)))
            case .parked(ask: true): askForTopics()
            case .parked(ask: false): break
            case .refused:
                let failure = BridgeFailure(
                    .queueFull, message: "too many requests wait for the list of topics", retryAfter: 1)
                perform(table.rejected(token, failure))
            }
            scheduleWakeUp()
        } catch {
            table.refused(error)
            session.fail(request.id, error)
        }
    }

    private func check(_ request: BridgeRequest) throws(BridgeFailure) {
        guard replyHeaders != nil, isBrokerUp else {
            let reason = isBrokerUp ? "the reply partition is not assigned yet" : "no Kafka broker is reached"
            throw BridgeFailure(.brokerUnavailable, message: reason, retryAfter: 1)
        }
        guard TopicName.isValid(request.topic) else { throw missing(request.topic) }
        if let name = request.headers.first(where: { $0.name.lowercased().hasPrefix("kafka_") })?.name {
            throw BridgeFailure(.messageRejected, message: "the header \(name) is the bridge's own")
        }
    }

    private func missing(_ topic: String) -> BridgeFailure {
        if directory.isNews(topic) {
            logger.warning("a topic does not exist", metadata: ["topic": "\(topic.prefix(249))"])
        }
        return BridgeFailure(
            .topicMissing, message: "the topic \(topic.prefix(249)) does not exist", retryAfter: 2)
    }

    private func produce(_ parked: Parked) {
        guard let producer, let replyHeaders else { return }
        let request = parked.request
        var headers: [KafkaHeader] = []
        headers.reserveCapacity(request.headers.count + 3)
        if !parked.isEvent {
            headers.append(KafkaHeader(ReplyRecord.HeaderName.correlationID, request.id.description))
            headers += replyHeaders
        }
        let span = traces.sending(request)
        for header in span?.headers ?? request.headers {
            headers.append(KafkaHeader(header.name, header.value))
        }
        let record = ProducerRecord(
            topic: request.topic, key: request.key.map { ByteBuffer(string: $0) }, value: request.body,
            headers: headers)
        do throws(KafkaError) {
            try producer.produce(record, token: parked.token)
            if let span { traces.produced(span, parked.token, request.id) }
        } catch {
            span?.failed(error)
            if error.isUnknownTopic { directory.forget(request.topic) }
            perform(table.rejected(parked.token, failure(error, request.topic)))
        }
    }

    private func failure(_ error: KafkaError, _ topic: String) -> BridgeFailure {
        if error.isQueueFull {
            return BridgeFailure(.queueFull, message: "the queue to Kafka is full", retryAfter: 1)
        }
        if error.isTooLarge { return BridgeFailure(.tooLarge, message: error.message) }
        if error.isUnknownTopic { return missing(topic) }
        // A new producer is on its way.
        if error.isFatal { return BridgeFailure(.brokerUnavailable, message: error.message, retryAfter: 1) }
        return BridgeFailure(.messageRejected, message: error.message)
    }

    private func askForTopics() {
        guard let producer else { return }
        let core = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let isSubmitted = jobs.submit {
            let topics = try? await producer.admin.topics()
            eventLoop.execute { core.value.answered(topics.map { Set($0.keys) }) }
        }
        if !isSubmitted { answered(nil) }
    }

    private func answered(_ topics: Set<String>?) {
        for (parked, isKnown) in directory.answered(topics, .now()) where table.isWaiting(parked.token) {
            if isKnown {
                produce(parked)
            } else if topics == nil {
                let failure = BridgeFailure(
                    .brokerUnavailable, message: "the broker does not answer", retryAfter: 1)
                perform(table.rejected(parked.token, failure))
            } else {
                perform(table.rejected(parked.token, missing(parked.request.topic)))
            }
        }
        scheduleWakeUp()
    }

    func resumed(_ id: BridgeRequestID, timeout: Duration, by session: BridgeSession) {
        perform(table.resumed(id, edge: session, timeout: timeout, .now()))
        scheduleWakeUp()
    }

    func stoodIn(for replySource: String) { ReplySource(replySource).map(standIns.add) }

    func cancelled(_ id: BridgeRequestID, by session: BridgeSession) { perform(table.cancelled(id)) }

    func closed(_ session: BridgeSession, waitingFor ids: Set<BridgeRequestID>) {
        table.disconnected(ids) { $0 === session }
        logger.info("edge disconnected", metadata: ["peer": "\(session.peer)", "waiting": "\(ids.count)"])
    }

    // MARK: - From Kafka

    func reported(_ reports: [DeliveryReport]) {
        for report in reports {
            traces.reported(report)
            switch report.result {
            case .delivered: perform(table.reported(report.token, .delivered))
            case .notSent(let error): perform(table.reported(report.token, .notSent(error.message)))
            case .unknown(let error): perform(table.reported(report.token, .unknown(error.message)))
            }
        }
    }

    func brokerChanged(_ state: KafkaState, of generation: Int) {
        guard generation == self.generation else { return }
        switch state {
        case .up:
            isBrokerUp = true
            readiness.set(.broker, nil)
            logger.info("kafka is reached")
        case .down(let reason):
            // A broker that comes back without all it had acknowledged breaks an idempotent producer at its next
            // record, so that record goes through a new one.
            if isBrokerUp { onProducerLost() }
            isBrokerUp = false
            // Topics may have changed by the time it is back.
            directory.forgetAll()
            readiness.set(.broker, "kafka: \(reason)")
            logger.warning("kafka is not reached", metadata: ["reason": "\(reason)"])
        case .broken(let error):
            onProducerLost()
            logger.error("the producer is broken and is made anew", metadata: ["error": "\(error)"])
        }
    }

    func handle(_ events: [ConsumerEvent]) {
        let now = NIODeadline.now()
        for event in events {
            switch event {
            case .message(let record):
                let reply = ReplyRecord(record)
                let span = traces.received(record, id: reply.id)
                perform(table.replied(reply, now))
                span?.end()
            case .assigned(let partitions): partitions.first.map(assigned)
            case .revoked, .error, .state: break
            }
        }
        scheduleWakeUp()
    }

    /// From now on requests name this partition for their replies.
    private func assigned(_ partition: TopicPartition) {
        replyHeaders = [
            KafkaHeader(ReplyRecord.HeaderName.replyTopic, partition.topic),
            KafkaHeader(ReplyRecord.HeaderName.replyPartition, String(partition.partition)),
        ]
        readiness.set(.replies, nil)
        logger.info(
            "reply partition assigned",
            metadata: ["topic": "\(partition.topic)", "partition": "\(partition.partition)"])
    }

    // MARK: - Actions and time

    private func perform(_ actions: [Table.Action]) {
        for action in actions {
            switch action {
            case .reply(let session, let id, let final, let body): session.reply(id, final: final, body: body)
            case .serviceError(let session, let id, let error): session.reply(id, error: error)
            case .fail(let session, let id, let failure): session.fail(id, failure)
            case .accept(let session, let id): session.accept(id)
            case .keep(let id, let content): keeper.keep(id, content)
            }
        }
    }

    private func scheduleWakeUp() {
        guard let next = table.nextWakeUp() else { return }
        if let wakeUp, wakeUp.at <= next { return }
        wakeUp?.task.cancel()
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.wakeUp = nil
            self.table.tick(.now())
            self.scheduleWakeUp()
        }
        wakeUp = (next, task)
    }
}
