import KafkaClient
import Logging
import NIOCore
import OTLPTracing
import Shared
import Telemetry
import Tracing

/// The way of a status update: from Kafka into Redis, or to the dead-letter topic. Confined to one event loop.
final class StatusPath {
    private struct Assigned {
        /// Tells the answers for this assignment from those for an earlier one of the same partition.
        let generation: UInt64
        var machine: StatusPartition
    }

    /// Tokens of dead letters, apart from those of requests, which count up from 1.
    private static let tokenBit: UInt64 = 1 << 62

    private let settings: BridgeKafkaSettings
    private let eventLoop: any EventLoop
    private let jobs: JobRunner
    private let readiness: BridgeReadiness
    private let store: any StatusStore
    private let tracer: ProcessTracer
    private let logger: Logger
    private var producer: KafkaProducer?
    private var consumer: KafkaConsumer?
    private var access = StatusAccess()
    private var partitions: [TopicPartition: Assigned] = [:]
    private var lastGeneration: UInt64 = 0
    private var deadLetters: [UInt64: (TopicPartition, generation: UInt64)] = [:]
    private var lastToken = tokenBit
    private var wakeUp: (at: NIODeadline, task: Scheduled<Void>)?
    private var isStopping = false
    private(set) var counters = Counters.Status()

    init(
        _ settings: BridgeKafkaSettings, store: any StatusStore, eventLoop: any EventLoop, jobs: JobRunner,
        readiness: BridgeReadiness, tracer: ProcessTracer, logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.eventLoop = eventLoop
        self.jobs = jobs
        self.readiness = readiness
        self.tracer = tracer
        self.logger = logger
    }

    static func isDeadLetter(_ token: UInt64) -> Bool { token & tokenBit != 0 }

    /// What answers and dead letters go through; comes before anything is assigned.
    func attach(_ producer: KafkaProducer) { self.producer = producer }

    /// The group member whose events come from now on; those of an earlier one are over.
    func attach(_ consumer: KafkaConsumer) {
        partitions = [:]
        access = StatusAccess()
        readiness.set(.status, nil)
        self.consumer = consumer
    }

    /// Starts nothing further; what is under way is finished.
    func stop() {
        isStopping = true
        for partition in partitions.keys { partitions[partition]?.machine.stop() }
    }

    var isIdle: Bool { !partitions.values.contains { $0.machine.isWorking } }

    /// For a scrape; each partition may take as much as the next.
    var samples: [Sample] {
        Sample.queue(
            "status_updates", items: partitions.values.reduce(0) { $0 + $1.machine.waiting },
            itemsLimit: partitions.values.reduce(0) { $0 + $1.machine.limits.high })
            + counters.samples
    }

    /// Commits what has been reached.
    func commitAll() {
        let offsets = partitions.compactMap { partition, assigned in
            assigned.machine.uncommitted.map { TopicPartitionOffset(partition, $0) }
        }
        if !offsets.isEmpty { consumer?.commit(offsets) }
    }

    // MARK: - Events

    func handle(_ events: [ConsumerEvent]) {
        let refused = access.problem
        defer {
            let problem = access.problem
            if problem != refused { readiness.set(.status, problem.map { "status topics: \($0)" }) }
        }
        // One partition's records come in runs; each run is one event for its machine.
        var run: [KafkaMessage] = []
        func finishRun() {
            guard let first = run.first else { return }
            access.received(first.topic)
            update(TopicPartition(first.topic, first.partition)) { $0.arrived(run) }
            run = []
        }
        for event in events {
            if case .message(let record) = event {
                if let first = run.first, first.partition != record.partition || first.topic != record.topic {
                    finishRun()
                }
                run.append(record)
                continue
            }
            finishRun()
            switch event {
            case .assigned(let list):
                access.assigned(list)
                assigned(list)
            case .revoked(let list): revoked(list)
            case .error(let error) where error.isAuthorization: access.refused(error.topic, error.message)
            case .error(let error): access.failed(error.topic)
            case .message, .state: break
            }
        }
        finishRun()
    }

    private func assigned(_ list: [TopicPartition]) {
        logger.info("status partitions assigned", metadata: ["partitions": "\(Self.text(list))"])
        guard !isStopping else { return }
        for partition in list {
            lastGeneration += 1
            partitions[partition] = Assigned(
                generation: lastGeneration,
                machine: StatusPartition(
                    userField: settings.statusUserField, versionFields: settings.statusVersionFields))
            update(partition) { $0.start() }
        }
    }

    private func revoked(_ list: [TopicPartition]) {
        logger.info("status partitions revoked", metadata: ["partitions": "\(Self.text(list))"])
        for partition in list { partitions[partition] = nil }
    }

    /// What became of dead letters.
    func reported(_ reports: [DeliveryReport]) {
        for report in reports {
            guard let (partition, generation) = deadLetters.removeValue(forKey: report.token) else {
                continue
            }
            var result = StatusPartition.Result.failed
            if case .delivered = report.result {
                counters.deadLettered += 1
                result = .done
            }
            finished(partition, generation, result)
        }
    }

    private func finished(
        _ partition: TopicPartition, _ generation: UInt64, _ result: StatusPartition.Result
    ) {
        guard partitions[partition]?.generation == generation else { return }
        if result == .failed { counters.retries += 1 }
        update(partition) { $0.finished(result, .now()) }
    }

    private func update(
        _ partition: TopicPartition, _ event: (inout StatusPartition) -> [StatusPartition.Action]
    ) {
        guard var assigned = partitions[partition] else { return }
        partitions[partition] = nil
        let actions = event(&assigned.machine)
        let head = assigned.machine.head
        let generation = assigned.generation
        partitions[partition] = assigned
        for action in actions { perform(action, partition, generation, head) }
        scheduleWakeUp()
    }

    // MARK: - Actions

    private func perform(
        _ action: StatusPartition.Action, _ partition: TopicPartition, _ generation: UInt64,
        _ head: KafkaMessage?
    ) {
        switch action {
        case .pause: consumer?.pause([partition])
        case .resume: consumer?.resume([partition])
        case .commit(let offset): consumer?.commit([TopicPartitionOffset(partition, offset)])
        case .check:
            guard let producer else { return }
            let store = store
            run(partition, generation) {
                let end = try await producer.admin.watermarks(of: partition).high
                try await store.forgetOffset(of: partition, from: end)
                return .done
            }
        case .write(let offset, let userID, let data, let version):
            let parent = head?.trace
            let span = tracer.start("process \(partition.topic)", .consumer, in: parent)
            if let head { span?.describe(head, "process") }
            let entry = StatusEntry(
                partition: partition, offset: offset, userID: userID, event: partition.topic, data: data,
                version: version, trace: span?.trace ?? parent)
            let store = store
            run(partition, generation) { try await Self.append(entry, to: store, span) }
        case .deadLetter(let reason):
            if let head { deadLetter(head, reason, partition, generation) }
        }
    }

    private static func append(
        _ entry: StatusEntry, to store: any StatusStore, _ span: TraceSpan?
    ) async throws -> StatusPartition.Result {
        defer { span?.end() }
        do {
            let result = try await store.append(entry)
            span?.attributes["vy.status_update"] = "\(result)"
            return result
        } catch {
            span?.fail("redis", "\(error)")
            throw error
        }
    }

    private func run(
        _ partition: TopicPartition, _ generation: UInt64,
        _ work: @escaping @Sendable () async throws -> StatusPartition.Result
    ) {
        let path = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let isSubmitted = jobs.submit {
            let result: Result<StatusPartition.Result, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            eventLoop.execute { path.value.ran(partition, generation, result) }
        }
        guard !isSubmitted else { return }
        eventLoop.execute { path.value.finished(partition, generation, .failed) }
    }

    private func ran(
        _ partition: TopicPartition, _ generation: UInt64, _ result: Result<StatusPartition.Result, any Error>
    ) {
        switch result {
        case .success(let result):
            switch result {
            case .done: counters.written += 1
            case .skipped: counters.skipped += 1
            case .superseded: counters.superseded += 1
            case .failed: break
            }
            finished(partition, generation, result)
        case .failure(let error):
            logger.debug("a status update has to wait", metadata: ["reason": "\(error)"])
            finished(partition, generation, .failed)
        }
    }

    private func deadLetter(
        _ record: KafkaMessage, _ reason: String, _ partition: TopicPartition, _ generation: UInt64
    ) {
        guard let producer else { return }
        lastToken += 1
        let token = lastToken
        do throws(KafkaError) {
            try producer.produce(
                DeadLetter.record(record, reason: reason, topic: settings.deadLetterTopic), token: token)
            deadLetters[token] = (partition, generation)
            return
        } catch {
            guard error.isTooLarge else {
                let path = NIOLoopBound(self, eventLoop: eventLoop)
                eventLoop.execute { path.value.finished(partition, generation, .failed) }
                return
            }
        }
        // With the reason in its headers it is longer than Kafka takes; it must not stop the others for ever.
        counters.lost += 1
        logger.error(
            "a dead letter is too large",
            metadata: [
                "partition": "\(Self.text([partition]))", "offset": "\(record.offset)", "reason": "\(reason)",
            ])
        let path = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { path.value.finished(partition, generation, .done) }
    }

    private func scheduleWakeUp() {
        guard let next = partitions.values.compactMap(\.machine.nextWakeUp).min() else { return }
        if let wakeUp, wakeUp.at <= next { return }
        wakeUp?.task.cancel()
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.wakeUp = nil
            for partition in self.partitions.keys { self.update(partition) { $0.tick(.now()) } }
            self.scheduleWakeUp()
        }
        wakeUp = (next, task)
    }

    private static func text(_ list: [TopicPartition]) -> String {
        list.map { "\($0.topic)/\($0.partition)" }.joined(separator: " ")
    }
}

/// A record that no user can be told of, kept for people to look at; card data is masked.
enum DeadLetter {
    static func record(_ record: KafkaMessage, reason: String, topic: String) -> ProducerRecord {
        ProducerRecord(
            topic: topic, key: record.key.map(CardData.masked), value: record.value.map(CardData.masked),
            headers: record.headers.map { KafkaHeader($0.name, $0.value.map(CardData.masked)) } + [
                KafkaHeader("x-dead-letter-reason", reason),
                KafkaHeader("x-dead-letter-topic", record.topic),
                KafkaHeader("x-dead-letter-partition", String(record.partition)),
                KafkaHeader("x-dead-letter-offset", String(record.offset)),
            ])
    }
}
