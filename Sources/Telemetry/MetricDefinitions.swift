extension Metric {
    var definition: Definition {
        definitionOfProcess ?? definitionOfHTTP ?? definitionOfSocketIO ?? definitionOfBridge
            ?? definitionOfKafka
    }

    private var definitionOfProcess: Definition? {
        switch self {
        case .buildInfo:
            Definition(
                kind: .gauge, help: "Always 1; says which process in which version.",
                labels: ["process", "version"])
        case .ready: Definition(kind: .gauge, help: "Whether /readyz says that nothing is missing: 1 or 0.")
        case .processCPU:
            Definition(kind: .counter, help: "Time of the CPU that the process has used, user and system.")
        case .processResident: Definition(kind: .gauge, help: "Memory of the process that is in RAM.")
        case .processVirtual: Definition(kind: .gauge, help: "Address space of the process.")
        case .processOpenFiles: Definition(kind: .gauge, help: "File descriptors that are open.")
        case .processMaxFiles: Definition(kind: .gauge, help: "File descriptors that may be open.")
        case .processStart:
            Definition(kind: .gauge, help: "When the process was started, in seconds since 1970.")
        case .processThreads: Definition(kind: .gauge, help: "Threads of the process.")
        case .executorLag:
            Definition(
                kind: .histogram(.ofTurns),
                help: "How late a timer was that each event loop, and the concurrency pool, has every "
                    + "250 ms.",
                labels: ["executor"])
        case .executorLastTurn:
            Definition(
                kind: .gauge,
                help: "How long ago that timer last ran on the loop that is the latest; above 10 s /livez "
                    + "is 503.",
                labels: ["executor"])
        case .logLines: Definition(kind: .counter, help: "Lines of the log.", labels: ["level"])
        case .scrapeErrors:
            Definition(
                kind: .counter,
                help: "Parts of a scrape that did not answer in time, so that their metrics were missing.",
                labels: ["part"])
        case .traceSpans:
            Definition(
                kind: .counter,
                help: "Spans for the collector: exported, rejected by it, or failed after all attempts.",
                labels: ["outcome"])
        case .queueItems: Definition(kind: .gauge, help: "Items in a queue.", labels: ["queue"])
        case .queueItemsLimit:
            Definition(kind: .gauge, help: "Items that a queue takes at most.", labels: ["queue"])
        case .queueBytes: Definition(kind: .gauge, help: "Bytes in a queue.", labels: ["queue"])
        case .queueBytesLimit:
            Definition(kind: .gauge, help: "Bytes that a queue takes at most.", labels: ["queue"])
        case .queueRefused:
            Definition(
                kind: .counter, help: "What a full queue has refused or dropped.", labels: ["queue"])
        case .redisUp:
            Definition(
                kind: .gauge, help: "Connections to Redis that work, by what they are for.",
                labels: ["connection"])
        case .redisConnections:
            Definition(
                kind: .counter, help: "Connections to Redis that were made.", labels: ["connection"])
        case .redisDuration:
            Definition(kind: .histogram(.ofTurns), help: "Time from a command to its reply from Redis.")
        case .redisErrors:
            Definition(
                kind: .counter, help: "Commands that Redis has refused, or that had no reply.",
                labels: ["code"])
        default: nil
        }
    }

    private var definitionOfHTTP: Definition? {
        let edges: [Process] = [.edgeHTTP, .edgeWS]
        return switch self {
        case .linkUp:
            Definition(
                kind: .gauge, help: "Whether a bridge has welcomed this edge: 1 or 0.",
                processes: edges)
        case .linkConnections:
            Definition(kind: .counter, help: "How often a bridge has welcomed this edge.", processes: edges)
        case .linkRequests:
            Definition(kind: .counter, help: "Requests that went to the bridge.", processes: edges)
        case .linkOutcomes:
            Definition(
                kind: .counter,
                help: "How they ended, each once: reply, service_error, or the code of a failure.",
                labels: ["outcome"], processes: edges)
        case .linkLate:
            Definition(
                kind: .counter, help: "Answers of the bridge that nobody waited for any more.",
                processes: edges)
        case .linkOldest:
            Definition(
                kind: .gauge, help: "How long the oldest request has waited for the bridge.",
                processes: edges)
        case .httpDuration:
            Definition(
                kind: .histogram(.ofAnswers),
                help: "Time from a request's header to its answer; route is an operation's path, "
                    + "/operations/{id} or unmatched.",
                labels: ["method", "route", "status"], processes: [.edgeHTTP])
        case .httpOutcomes:
            Definition(
                kind: .counter,
                help: "What clients were told: answered, pending (202), service_error, not_sent, unknown, "
                    + "invalid (4xx) or limited (429).",
                labels: ["outcome"], processes: [.edgeHTTP])
        case .httpProblems:
            Definition(
                kind: .counter, help: "Problem documents of the gateway's own, by their code.",
                labels: ["code"], processes: [.edgeHTTP])
        case .httpConnectionsEnded:
            Definition(
                kind: .counter,
                help: "Connections, or HTTP/2 streams, that were ended for what clients did.",
                labels: ["reason"], processes: [.edgeHTTP])
        case .idempotency:
            Definition(
                kind: .counter,
                help:
                    "Requests with an Idempotency-Key: sent, replayed, other_body (422), in_flight, unknown, "
                    + "or unavailable without Redis.",
                labels: ["outcome"], processes: [.edgeHTTP])
        case .rateLimit:
            Definition(
                kind: .counter,
                help: "Requests that a rate applies to: passed, refused, or unenforced without Redis.",
                labels: ["outcome"], processes: [.edgeHTTP])
        case .cacheLookups:
            Definition(
                kind: .counter, help: "Looks into the cache of answers: fresh, stale, none or unavailable.",
                labels: ["outcome"], processes: [.edgeHTTP])
        case .activeCampaign:
            Definition(
                kind: .counter,
                help:
                    "Attempts for contacts: delivered, retried, given_up, lost to another replica, or gone.",
                labels: ["outcome"], processes: [.edgeHTTP])
        default: nil
        }
    }

    private var definitionOfSocketIO: Definition? {
        func counter(_ help: String, _ labels: String...) -> Definition {
            Definition(kind: .counter, help: help, labels: labels, processes: [.edgeWS])
        }
        func gauge(_ help: String, _ labels: String...) -> Definition {
            Definition(kind: .gauge, help: help, labels: labels, processes: [.edgeWS])
        }
        return switch self {
        case .redisSubscriptions: gauge("Channels of Redis that are subscribed to.")
        case .socketSessions: gauge("Engine.IO sessions, by the transport that they have now.", "transport")
        case .socketSessionsOpened:
            counter("Sessions that were begun, by the transport that they began on.", "transport")
        case .socketUpgrades: counter("Sessions that went over from polling to WebSocket.")
        case .socketSessionsEnded:
            counter(
                "Sessions that have ended; slow consumer: the client did not take what was sent.", "reason")
        case .socketBufferedBytes:
            gauge(
                "Bytes that wait for clients; one with more than WS_BUFFER_LIMIT, besides what it has missed, is disconnected."
            )
        case .socketSockets: gauge("Sockets in the namespace.")
        case .socketRooms: gauge("Rooms with sockets, on each event loop.")
        case .socketUsers: gauge("Users who have sockets here.")
        case .socketEvents:
            counter(
                "Events of clients, by the topic of the operation, register-user or other: answered, "
                    + "service_error, not_sent, unknown, invalid, limited, or ignored (no acknowledgement).",
                "event", "outcome")
        case .socketEventDuration:
            Definition(
                kind: .histogram(.ofAnswers),
                help: "Time from an event that was sent to the bridge to its acknowledgement.",
                labels: ["event"], processes: [.edgeWS])
        case .socketRefusals: counter("What sockets were refused.", "reason")
        case .socketRecoveries:
            counter(
                "Connections that clients wanted to go on with: recovered, restarted (too much was missed), "
                    + "or postponed without Redis.", "outcome")
        case .updatesEmitted: counter("Updates that were emitted to the rooms of their users.")
        case .emitterMessages:
            counter(
                "Messages of Socket.IO emitters, on each event loop: delivered or refused.", "outcome")
        default: nil
        }
    }

    private var definitionOfBridge: Definition? {
        func counter(_ help: String, _ labels: String...) -> Definition {
            Definition(kind: .counter, help: help, labels: labels, processes: [.bridgeKafka])
        }
        return switch self {
        case .bridgeRequests:
            counter(
                "What the bridge has begun: request, event, or adopted from another bridge or before a restart.",
                "kind")
        case .bridgeResumed: counter("Requests that edges have named again after their connection broke.")
        case .bridgeEnded: counter("How what had begun has ended, each once.", "outcome")
        case .bridgeFailures: counter("What had begun and was not or perhaps not sent.", "code")
        case .bridgeRefused: counter("What was refused before it began.", "code")
        case .bridgeUnconfirmed: counter("Records that Kafka neither confirmed nor refused.")
        case .bridgeOldest:
            Definition(
                kind: .gauge, help: "How long the oldest request has waited for its reply.",
                processes: [.bridgeKafka])
        case .bridgeReplies: counter("Records of the reply topic.", "outcome")
        case .keptReplies: counter("Replies that were kept in Redis for late readers.", "outcome")
        case .statusUpdates: counter("Status updates, by what became of them.", "outcome")
        default: nil
        }
    }

    private var definitionOfKafka: Definition {
        func figure(_ kind: Kind, _ help: String, _ labels: String...) -> Definition {
            Definition(kind: kind, help: help, labels: ["client"] + labels, processes: [.bridgeKafka])
        }
        return switch self {
        case .kafkaStatisticsAge: figure(.gauge, "How old the other figures of this client are.")
        case .kafkaSentBytes: figure(.counter, "Bytes that were sent to brokers.")
        case .kafkaReceivedBytes: figure(.counter, "Bytes that came from brokers.")
        case .kafkaSentMessages: figure(.counter, "Records that were sent to brokers.")
        case .kafkaReceivedMessages: figure(.counter, "Records that came from brokers.")
        case .kafkaBrokerUp: figure(.gauge, "Whether there is a connection to the broker: 1 or 0.", "broker")
        case .kafkaBrokerRoundTrip:
            figure(.gauge, "Mean round trip to the broker in the last 5 s.", "broker")
        case .kafkaBrokerErrors:
            figure(.counter, "Requests that failed or timed out at the broker.", "broker")
        case .kafkaBrokerConnections: figure(.counter, "Attempts to connect to the broker.", "broker")
        case .kafkaLag:
            figure(.gauge, "Records of an assigned partition that were not read yet.", "topic", "partition")
        case .kafkaRebalances: figure(.counter, "Rebalances of the group that this client was in.")
        default: preconditionFailure("\(rawValue) has no definition")
        }
    }
}
