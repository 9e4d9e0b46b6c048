public import Shared
public import Telemetry

extension BridgeClient {
    /// For a scrape.
    public func samples() async -> [Sample] {
        let statistics = await statistics()
        // An outcome is the code of a failure, which a later bridge may have more of.
        let known = Set(["reply", "service_error"] + BridgeFailure.Code.allCases.map(\.rawValue))
        var outcomes = ["reply": 0, "service_error": 0]
        for (outcome, count) in statistics.outcomes {
            outcomes[known.contains(outcome) ? outcome : "other", default: 0] += count
        }
        return [
            Sample(.linkUp, value: missing == nil ? 1 : 0),
            Sample(.linkConnections, count: statistics.connections),
            Sample(.linkRequests, count: statistics.requests), Sample(.linkLate, count: statistics.late),
            Sample(.linkOldest, value: Double(statistics.oldest) / 1000),
        ] + outcomes.map { Sample(.linkOutcomes, $0, count: $1) }
            + Sample.queue(
                "bridge_window", items: statistics.waiting, itemsLimit: statistics.window,
                refused: statistics.outcomes[BridgeFailure.Code.windowExceeded.rawValue] ?? 0)
    }
}
