import Logging

/// What the bridge has seen since its start. Plain numbers, kept on the bridge's event loop.
struct Counters: Equatable {
    struct Replies: Equatable {
        /// Final answers, errors and unreadable ones that were passed to an edge.
        var delivered = 0
        /// Values before the last one of a stream.
        var partial = 0
        /// For a request whose edge had stopped waiting.
        var late = 0
        /// For a request that had its final answer already.
        var duplicate = 0
        /// For a request this bridge knows nothing of.
        var unknown = 0
        var unreadable = 0
        var withoutID = 0
    }

    struct Status: Equatable {
        var written = 0
        /// Redeliveries that Redis had taken before.
        var skipped = 0
        /// Older than one that was published, or the same once more, by their version.
        var superseded = 0
        var deadLettered = 0
        /// Dead letters that Kafka refuses for good.
        var lost = 0
        var retries = 0
    }

    struct Kept: Equatable {
        /// Replies that were written to Redis, or were there already.
        var written = 0
        var retries = 0
        /// Replies that could not be kept, so that nobody will get them.
        var lost = 0
    }

    /// How requests and events ended, each exactly once.
    struct Ended: Equatable {
        var answered = 0
        var serviceErrors = 0
        var unreadable = 0
        /// Events that Kafka has.
        var accepted = 0
        /// By a failure that the edge was told.
        var failed = 0
        /// The edge has stopped waiting.
        var cancelled = 0
        /// The edge has said nothing by its deadline.
        var expired = 0

        var total: Int {
            answered + serviceErrors + unreadable + accepted + failed + cancelled + expired
        }
    }

    var requests = 0
    var events = 0
    /// Requests that an edge has named again after its connection broke.
    var resumed = 0
    /// Those of them that another bridge had begun, or this one before its restart.
    var adopted = 0
    /// What was refused before it began, by failure code.
    var refused: [String: Int] = [:]
    var ended = Ended()
    var replies = Replies()
    /// Requests and events that had begun and were not or perhaps not sent, by failure code.
    var failures: [String: Int] = [:]
    /// Sends that Kafka neither confirmed nor refused.
    var unconfirmed = 0
    var status = Status()
    var kept = Kept()
}

extension Counters {
    /// What has begun and must end once.
    var begun: Int { requests + events + adopted }

    /// For the admin port.
    var counts: [String: [String: Int]] {
        [
            "requests": [
                "requests": requests, "events": events, "resumed": resumed, "adopted": adopted,
                "unconfirmed": unconfirmed,
            ],
            "ended": [
                "answered": ended.answered, "serviceErrors": ended.serviceErrors,
                "unreadable": ended.unreadable, "accepted": ended.accepted, "failed": ended.failed,
                "cancelled": ended.cancelled, "expired": ended.expired,
            ],
            "failures": failures, "refused": refused,
            "replies": [
                "delivered": replies.delivered, "partial": replies.partial, "late": replies.late,
                "duplicate": replies.duplicate, "unknown": replies.unknown,
                "unreadable": replies.unreadable, "withoutID": replies.withoutID,
            ],
            "status": [
                "written": status.written, "skipped": status.skipped, "superseded": status.superseded,
                "deadLettered": status.deadLettered, "lost": status.lost, "retries": status.retries,
            ],
            "kept": ["written": kept.written, "retries": kept.retries, "lost": kept.lost],
        ]
    }

    /// For one line of the log.
    var metadata: Logger.Metadata {
        [
            "requests": "\(requests)", "events": "\(events)", "resumed": "\(resumed)",
            "adopted": "\(adopted)", "refused": .dictionary(refused.mapValues { "\($0)" }),
            "answered": "\(ended.answered)", "serviceErrors": "\(ended.serviceErrors)",
            "accepted": "\(ended.accepted)", "failed": "\(ended.failed)",
            "cancelled": "\(ended.cancelled)", "expired": "\(ended.expired)",
            "delivered": "\(replies.delivered)", "partial": "\(replies.partial)", "late": "\(replies.late)",
            "duplicate": "\(replies.duplicate)", "unknown": "\(replies.unknown)",
            "unreadable": "\(replies.unreadable)", "withoutID": "\(replies.withoutID)",
            "unconfirmed": "\(unconfirmed)", "kept": "\(kept.written)", "keptRetries": "\(kept.retries)",
            "keptLost": "\(kept.lost)",
            "failures": .dictionary(failures.mapValues { "\($0)" }),
            "statusWritten": "\(status.written)", "statusSkipped": "\(status.skipped)",
            "statusSuperseded": "\(status.superseded)",
            "statusDeadLettered": "\(status.deadLettered)", "statusLost": "\(status.lost)",
            "statusRetries": "\(status.retries)",
        ]
    }
}
