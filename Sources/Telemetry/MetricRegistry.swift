public import CoreMetrics
import Synchronization

/// Holds what is counted, for swift-metrics: what has the name and the labels of a ``Metric`` is exposed, all else is not.
public final class MetricRegistry: MetricsFactory, Sendable {
    enum Series: Sendable {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)

        init(_ kind: Metric.Kind) {
            switch kind {
            case .counter: self = .counter(CounterSeries())
            case .gauge: self = .gauge(GaugeSeries())
            case .histogram(let buckets): self = .histogram(HistogramSeries(buckets))
            }
        }
    }

    /// Series of one metric. Whatever would be one more counts for one whose labels all say `other`.
    static let mostSeries = 2000

    private let series = Mutex<[Metric: [[String]: Series]]>([:])

    public init() {}

    func snapshot() -> [Metric: [[String]: Series]] { series.withLock { $0 } }

    private func find(_ type: String, _ label: String, _ dimensions: [(String, String)]) -> Series? {
        guard let metric = Metric(rawValue: label), metric.type == type else { return nil }
        let names = metric.labels
        guard names.count == dimensions.count, zip(names, dimensions).allSatisfy({ $0 == $1.0 }) else {
            return nil
        }
        let kind = metric.kind
        return series.withLock { all in
            var values = dimensions.map(\.1)
            if let known = all[metric]?[values] { return known }
            if all[metric]?.count ?? 0 >= Self.mostSeries { values = names.map { _ in "other" } }
            if let known = all[metric]?[values] { return known }
            let new = Series(kind)
            all[metric, default: [:]][values] = new
            return new
        }
    }

    // MARK: - MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        guard case .counter(let series) = find("counter", label, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return series
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard !aggregate, case .gauge(let series) = find("gauge", label, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return series
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        guard case .gauge(let series) = find("gauge", label, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return series
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        guard case .histogram(let series) = find("histogram", label, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return series
    }

    // Series stay as long as the process, so that no counter begins anew.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}
