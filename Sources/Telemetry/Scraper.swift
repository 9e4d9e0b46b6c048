public import NIOCore
import Synchronization

/// One source of values that are read for each scrape.
public struct ScrapePart: Sendable {
    let name: String
    let collect: @Sendable () async -> [Sample]

    /// - Parameter name: short, for ``Metric/scrapeErrors``.
    public init(_ name: String, _ collect: @escaping @Sendable () async -> [Sample]) {
        self.name = name
        self.collect = collect
    }
}

/// Answers scrapes. A part that does not answer in time is left out and counted, so that one that hangs hides none of the
/// others, and no further call of it is begun meanwhile.
public final class Scraper: Sendable {
    /// How long a scrape waits for its parts; Prometheus itself waits 10 s.
    public static let patience = TimeAmount.seconds(1)

    public static let contentType = Exposition.contentType

    private final class State {
        /// Calls that are under way, by part; each is one task, which ends with its call.
        var underWay: [String: EventLoopFuture<[Sample]>] = [:]
        var missed: [String: Int] = [:]
    }

    private let process: Metric.Process
    private let registry: MetricRegistry
    private let parts: [ScrapePart]
    private let direct: @Sendable () -> [Sample]
    private let patience: TimeAmount
    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    /// - Parameters:
    ///   - direct: values that can be had at once, on the event loop.
    ///   - eventLoop: where scrapes are put together; it should not be one of those that serve clients.
    public init(
        process: Metric.Process, registry: MetricRegistry, parts: [ScrapePart],
        patience: TimeAmount = Scraper.patience, eventLoop: any EventLoop,
        direct: @escaping @Sendable () -> [Sample] = { [] }
    ) {
        self.process = process
        self.registry = registry
        self.parts = parts
        self.direct = direct
        self.patience = patience
        self.eventLoop = eventLoop
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    /// The exposition; it never fails, and takes at most a little longer than the patience.
    public func scrape() -> EventLoopFuture<String> {
        eventLoop.flatSubmit { [self] in
            EventLoopFuture.whenAllSucceed(parts.map { samples(of: $0) }, on: eventLoop).map { [self] in
                text($0.flatMap(\.self))
            }
        }
    }

    private func text(_ samples: [Sample]) -> String {
        let errors = parts.map { Sample(.scrapeErrors, $0.name, count: state.value.missed[$0.name] ?? 0) }
        return Exposition.text(
            of: process, counted: registry.snapshot(), samples: samples + direct() + errors)
    }

    private func samples(of part: ScrapePart) -> EventLoopFuture<[Sample]> {
        eventLoop.within(patience, call(part)) { [state] in
            state.value.missed[part.name, default: 0] += 1
            return []
        }
    }

    private func call(_ part: ScrapePart) -> EventLoopFuture<[Sample]> {
        if let call = state.value.underWay[part.name] { return call }
        let call = eventLoop.makeFutureWithTask { await part.collect() }
        state.value.underWay[part.name] = call
        call.assumeIsolated().whenComplete { [state] _ in state.value.underWay[part.name] = nil }
        return call
    }
}
