import Admin
import ArgumentParser
import Logging
import OTLPTracing
import RedisClient
import ServiceLifecycle
import Shared
import Telemetry

/// The bridge between the edges of this host and Kafka: requests out, replies in, status updates into Redis.
@main
struct BridgeKafka: AsyncParsableCommand {
    static let configuration = ProcessOptions.configuration(
        BridgeKafkaSettings.self, abstract: "The Kafka side of vy-gateway, one per host.")

    @OptionGroup var options: ProcessOptions

    func run() async throws {
        try await options.run(BridgeKafkaSettings.self) { settings, common, logger, supervisor in
            let telemetry = ProcessTelemetry(.bridgeKafka, instance: common.instance)
            let traces = ProcessTraces(
                settings.traces, process: BridgeKafkaSettings.process, common, logger: logger)
            let redis = RedisClient(settings.redis, logger: logger)
            let store = RedisStatusStore(
                redis: redis, historyLimit: settings.historyLimit, historyTTL: settings.historyTTL,
                cacheLifetime: settings.cacheLifetime)
            let bridge = try BridgeService(
                settings, common, store: store, replies: RedisReplyStore(redis: redis),
                tracer: traces.tracer, supervisor: supervisor, logger: logger)
            let admin = AdminServer(
                host: settings.adminHost, port: settings.adminPort, telemetry: telemetry, logger: logger,
                parts: [
                    ScrapePart("bridge") { await bridge.samples() },
                    ScrapePart("kafka") { bridge.kafkaSamples() },
                    ScrapePart("redis") { await redis.samples() },
                    ScrapePart("traces") { traces.samples },
                ],
                counters: { await bridge.counts() }
            ) {
                Readiness(missing: bridge.missing + [redis.missing.map { "redis: \($0)" }].compactMap { $0 })
            }
            // Stopped in the reverse order: Redis stays until the last update is in it.
            return ProcessParts(services: traces.services + [telemetry.watch, redis, admin, bridge])
        }
    }
}
