import ArgumentParser
import Foundation
import KafkaClient
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import UnixSignals

/// A payments service for development and tests that behaves on the wire as a NestJS Kafka microservice does.
@main
struct DemoPayments: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-payments",
        abstract: "A payments service as NestJS would run it, for development and tests.",
        version: "demo-payments 0.1.0")

    @Option(help: "Kafka brokers.")
    var broker = ProcessInfo.processInfo.environment["KAFKA_BROKER"] ?? "127.0.0.1:9092"
    @Option(help: "Consumer group.") var group = "vy-finance-payments-server"
    @Option(help: "Name of this member of the group; it keeps its partitions over a restart.")
    var instance = "demo-payments-1"
    @Option(help: "Topic of the status updates.") var statusTopic = "payment-status-update"
    @Option(help: "Partitions of the topics that are created.") var partitions = 4
    @Option(help: "Longest wait of a fetch (ms).") var fetchWaitMs = 50

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let demo = DemoService(options: self)
        let logger = Logger(label: "demo-payments")
        try await ServiceGroup(
            services: [demo], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}

/// Runs the consumer and the producer until the process is told to stop.
private struct DemoService: Service {
    let options: DemoPayments

    func run() async throws {
        let logger = Self.logger()
        var configuration = KafkaConfiguration(brokers: options.broker, clientID: options.instance)
        // As kafkajs by default; and so it goes on with a broker that has lost data.
        configuration.properties["enable.idempotence"] = "false"
        let producer = try KafkaProducer(
            configuration, messageTimeout: .seconds(10), logger: logger, onReports: { _ in },
            onState: { _ in })
        try await cancelWhenGracefulShutdown {
            try await createTopics(producer, logger)
        }
        let service = PaymentService(
            statusTopic: options.statusTopic, eventLoop: MultiThreadedEventLoopGroup.singleton.any()
        ) { record in
            do {
                try producer.produce(record, token: 0)
            } catch {
                logger.error("record lost", metadata: ["error": "\(error)"])
            }
        }
        // A broker that has lost its groups tells so at the next heartbeat.
        configuration.properties["heartbeat.interval.ms"] = "250"
        let own = OwnConsumer()
        let consumer = try KafkaConsumer(
            configuration,
            mode: .group(
                topics: PaymentService.operations.map { PaymentService.prefix + $0 }, groupID: options.group,
                instanceID: options.instance, startAtEarliest: true),
            fetchWait: .milliseconds(options.fetchWaitMs), sessionTimeout: .seconds(10), logger: logger
        ) { events in
            var next: [TopicPartition: Int64] = [:]
            for event in events {
                switch event {
                case .message(let message):
                    service.handle(message)
                    next[TopicPartition(message.topic, message.partition)] = message.offset + 1
                case .assigned(let partitions):
                    print("{\"message\":\"ready\",\"partitions\":\(partitions.count)}")
                    fflush(nil)
                case .revoked, .error, .state: break
                }
            }
            if !next.isEmpty { own.consumer.withLock { $0 }?.commit(next.map { .init($0.key, $0.value) }) }
        }
        own.consumer.withLock { $0 = consumer }
        try? await gracefulShutdown()
        own.consumer.withLock { $0 = nil }
        await consumer.close()
        _ = await producer.flush(timeout: .seconds(1))
        await producer.close()
    }

    private static func logger() -> Logger {
        var logger = Logger(label: "demo-payments")
        logger.logLevel = .warning
        return logger
    }

    /// Tries until the broker is there.
    private func createTopics(_ producer: KafkaProducer, _ logger: Logger) async throws {
        let names = PaymentService.operations.map { PaymentService.prefix + $0 } + [options.statusTopic]
        while true {
            do {
                let existing = try await producer.admin.topics()
                try await producer.admin.createTopics(
                    names.filter { existing[$0] == nil }.map {
                        .init(name: $0, partitions: options.partitions, replication: 1)
                    })
                return
            } catch {
                logger.warning("no topics yet", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

/// The consumer commits through itself from its own callback, which is there before the consumer is.
private final class OwnConsumer: Sendable {
    let consumer = Mutex<KafkaConsumer?>(nil)
}
