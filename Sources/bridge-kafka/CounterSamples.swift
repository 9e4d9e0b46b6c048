import Shared
import Telemetry

extension Counters {
    /// For a scrape; those of status updates are ``Status/samples``.
    var samples: [Sample] {
        [
            Sample(.bridgeRequests, "request", count: requests),
            Sample(.bridgeRequests, "event", count: events),
            Sample(.bridgeRequests, "adopted", count: adopted), Sample(.bridgeResumed, count: resumed),
            Sample(.bridgeUnconfirmed, count: unconfirmed),
            Sample(.bridgeEnded, "answered", count: ended.answered),
            Sample(.bridgeEnded, "service_error", count: ended.serviceErrors),
            Sample(.bridgeEnded, "unreadable", count: ended.unreadable),
            Sample(.bridgeEnded, "accepted", count: ended.accepted),
            Sample(.bridgeEnded, "failed", count: ended.failed),
            Sample(.bridgeEnded, "cancelled", count: ended.cancelled),
            Sample(.bridgeEnded, "expired", count: ended.expired),
            Sample(.bridgeReplies, "delivered", count: replies.delivered),
            Sample(.bridgeReplies, "partial", count: replies.partial),
            Sample(.bridgeReplies, "late", count: replies.late),
            Sample(.bridgeReplies, "duplicate", count: replies.duplicate),
            Sample(.bridgeReplies, "unknown", count: replies.unknown),
            Sample(.bridgeReplies, "unreadable", count: replies.unreadable),
            Sample(.bridgeReplies, "without_id", count: replies.withoutID),
            Sample(.keptReplies, "written", count: kept.written),
            Sample(.keptReplies, "retried", count: kept.retries),
            Sample(.keptReplies, "lost", count: kept.lost),
        ] + failures.map { Sample(.bridgeFailures, $0, count: $1) }
            + refused.map { Sample(.bridgeRefused, $0, count: $1) }
    }
}

extension Counters.Status {
    var samples: [Sample] {
        [
            Sample(.statusUpdates, "written", count: written),
            Sample(.statusUpdates, "skipped", count: skipped),
            Sample(.statusUpdates, "superseded", count: superseded),
            Sample(.statusUpdates, "dead_lettered", count: deadLettered),
            Sample(.statusUpdates, "lost", count: lost), Sample(.statusUpdates, "retried", count: retries),
        ]
    }
}
