/// Every metric of the gateway, each declared once: what is not here is not exposed. In the order in which they are shown.
///
/// Names follow Prometheus' rules (base units, `_total` for counters) and OpenTelemetry where it has a name.
public enum Metric: String, CaseIterable, Sendable {
    // The process.
    case buildInfo = "vy_gateway_build_info"
    case ready = "vy_gateway_ready"
    case processCPU = "process_cpu_seconds_total"
    case processResident = "process_resident_memory_bytes"
    case processVirtual = "process_virtual_memory_bytes"
    case processOpenFiles = "process_open_fds"
    case processMaxFiles = "process_max_fds"
    case processStart = "process_start_time_seconds"
    case processThreads = "process_threads"
    case executorLag = "vy_gateway_executor_lag_seconds"
    case executorLastTurn = "vy_gateway_executor_last_turn_seconds"
    case logLines = "vy_gateway_log_lines_total"
    case scrapeErrors = "vy_gateway_scrape_errors_total"
    case traceSpans = "vy_gateway_trace_spans_total"

    // Queues.
    case queueItems = "vy_gateway_queue_items"
    case queueItemsLimit = "vy_gateway_queue_items_limit"
    case queueBytes = "vy_gateway_queue_bytes"
    case queueBytesLimit = "vy_gateway_queue_bytes_limit"
    case queueRefused = "vy_gateway_queue_refused_total"

    // Redis.
    case redisUp = "vy_gateway_redis_up"
    case redisConnections = "vy_gateway_redis_connections_total"
    case redisDuration = "vy_gateway_redis_command_duration_seconds"
    case redisErrors = "vy_gateway_redis_errors_total"
    case redisSubscriptions = "vy_gateway_redis_subscriptions"

    // The bridge as its edges see it.
    case linkUp = "vy_gateway_bridge_link_up"
    case linkConnections = "vy_gateway_bridge_link_connections_total"
    case linkRequests = "vy_gateway_bridge_link_requests_total"
    case linkOutcomes = "vy_gateway_bridge_link_outcomes_total"
    case linkLate = "vy_gateway_bridge_link_late_replies_total"
    case linkOldest = "vy_gateway_bridge_link_oldest_request_seconds"

    // REST.
    case httpDuration = "http_server_request_duration_seconds"
    case httpOutcomes = "vy_gateway_http_outcomes_total"
    case httpProblems = "vy_gateway_http_problems_total"
    case httpConnectionsEnded = "vy_gateway_http_connections_ended_total"
    case idempotency = "vy_gateway_idempotency_requests_total"
    case rateLimit = "vy_gateway_rate_limit_requests_total"
    case cacheLookups = "vy_gateway_cache_lookups_total"
    case activeCampaign = "vy_gateway_activecampaign_attempts_total"

    // Socket.IO.
    case socketSessions = "socketio_sessions"
    case socketSessionsOpened = "socketio_sessions_opened_total"
    case socketUpgrades = "socketio_upgrades_total"
    case socketSessionsEnded = "socketio_sessions_ended_total"
    case socketBufferedBytes = "socketio_buffered_bytes"
    case socketSockets = "socketio_sockets"
    case socketRooms = "socketio_rooms"
    case socketUsers = "vy_gateway_socket_users"
    case socketEvents = "socketio_events_total"
    case socketEventDuration = "socketio_event_duration_seconds"
    case socketRefusals = "vy_gateway_socket_refusals_total"
    case socketRecoveries = "vy_gateway_socket_recoveries_total"
    case updatesEmitted = "vy_gateway_updates_emitted_total"
    case emitterMessages = "vy_gateway_emitter_messages_total"

    // The bridge.
    case bridgeRequests = "vy_gateway_bridge_requests_total"
    case bridgeResumed = "vy_gateway_bridge_resumed_total"
    case bridgeEnded = "vy_gateway_bridge_ended_total"
    case bridgeFailures = "vy_gateway_bridge_failures_total"
    case bridgeRefused = "vy_gateway_bridge_refused_total"
    case bridgeUnconfirmed = "vy_gateway_bridge_unconfirmed_total"
    case bridgeOldest = "vy_gateway_bridge_oldest_request_seconds"
    case bridgeReplies = "vy_gateway_bridge_replies_total"
    case keptReplies = "vy_gateway_bridge_kept_replies_total"
    case statusUpdates = "vy_gateway_status_updates_total"

    // Kafka, as librdkafka sees it.
    case kafkaStatisticsAge = "vy_gateway_kafka_statistics_age_seconds"
    case kafkaSentBytes = "vy_gateway_kafka_sent_bytes_total"
    case kafkaReceivedBytes = "vy_gateway_kafka_received_bytes_total"
    case kafkaSentMessages = "vy_gateway_kafka_sent_messages_total"
    case kafkaReceivedMessages = "vy_gateway_kafka_received_messages_total"
    case kafkaBrokerUp = "vy_gateway_kafka_broker_up"
    case kafkaBrokerRoundTrip = "vy_gateway_kafka_broker_round_trip_seconds"
    case kafkaBrokerErrors = "vy_gateway_kafka_broker_errors_total"
    case kafkaBrokerConnections = "vy_gateway_kafka_broker_connections_total"
    case kafkaLag = "vy_gateway_kafka_consumer_lag_records"
    case kafkaRebalances = "vy_gateway_kafka_rebalances_total"
}

extension Metric {
    public enum Kind: Sendable, Equatable {
        case counter
        case gauge
        /// Of durations.
        case histogram(Buckets)
    }

    /// The upper bounds of a histogram's buckets but for the last, in nanoseconds.
    public struct Buckets: Sendable, Equatable {
        public let bounds: [Int64]

        init(milliseconds: Double...) { bounds = milliseconds.map { Int64($0 * 1_000_000) } }

        /// Of what clients wait for: from a fast answer up to the longest deadline.
        static let ofAnswers = Buckets(
            milliseconds: 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 120_000)
        /// Of what is expected to be over at once.
        static let ofTurns = Buckets(
            milliseconds: 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000)
    }

    /// Which processes have it.
    public enum Process: String, CaseIterable, Sendable {
        case edgeHTTP = "edge-http"
        case edgeWS = "edge-ws"
        case bridgeKafka = "bridge-kafka"
    }

    struct Definition {
        let kind: Kind
        let help: String
        var labels: [String] = []
        var processes: [Process] = Process.allCases
    }

    public var name: String { rawValue }
    public var kind: Kind { definition.kind }
    public var help: String { definition.help }
    public var labels: [String] { definition.labels }
    public var processes: [Process] { definition.processes }

    /// As in `# TYPE`.
    public var type: String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}
