public import CoreMetrics

extension Counter {
    /// - Parameter values: of the metric's labels, in their order.
    public convenience init(
        _ metric: Metric, _ values: String..., factory: any MetricsFactory = MetricsSystem.factory
    ) {
        self.init(label: metric.name, dimensions: metric.dimensions(values), factory: factory)
    }
}

extension Timer {
    /// - Parameter values: of the metric's labels, in their order.
    public convenience init(
        _ metric: Metric, _ values: String..., factory: any MetricsFactory = MetricsSystem.factory
    ) {
        self.init(label: metric.name, dimensions: metric.dimensions(values), factory: factory)
    }
}

extension Metric {
    fileprivate func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        return Array(zip(labels, values))
    }
}

/// A counter for each case of an enumeration, made once. Made early, so that each is shown from the start.
public struct CounterSet<Case: RawRepresentable & CaseIterable & Hashable & Sendable>: Sendable
where Case.RawValue == String {
    private let counters: [Case: Counter]

    /// - Parameter metric: with one label, whose values are the cases.
    public init(_ metric: Metric, factory: any MetricsFactory = MetricsSystem.factory) {
        counters = Dictionary(
            uniqueKeysWithValues: Case.allCases.map {
                ($0, Counter(metric, $0.rawValue, factory: factory))
            })
    }

    public func count(_ one: Case) { counters[one]?.increment() }
}
