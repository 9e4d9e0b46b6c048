/// The text format of Prometheus, version 0.0.4.
enum Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// - Parameters:
    ///   - counted: what handles have counted.
    ///   - samples: what was collected for this scrape.
    static func text(
        of process: Metric.Process, counted: [Metric: [[String]: MetricRegistry.Series]], samples: [Sample]
    ) -> String {
        let collected = Dictionary(grouping: samples, by: \.metric)
        var text = ""
        for metric in Metric.allCases where metric.processes.contains(process) {
            text += "# HELP \(metric.name) \(escaped(metric.help, quotes: false))\n"
            text += "# TYPE \(metric.name) \(metric.type)\n"
            let names = metric.labels
            let series = (counted[metric] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            for (values, series) in series {
                write(series, metric.name, labels(names, values), to: &text)
            }
            let lines = (collected[metric] ?? []).sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
            for sample in lines {
                let labels = labels(names, sample.labels)
                text += "\(metric.name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(sample.value))\n"
            }
        }
        return text
    }

    private static func write(
        _ series: MetricRegistry.Series, _ name: String, _ labels: String, to text: inout String
    ) {
        let braced = labels.isEmpty ? "" : "{\(labels)}"
        switch series {
        case .counter(let series): text += "\(name)\(braced) \(series.value)\n"
        case .gauge(let series): text += "\(name)\(braced) \(number(series.value))\n"
        case .histogram(let series):
            let snapshot = series.snapshot
            let prefix = labels.isEmpty ? "" : labels + ","
            var count: Int64 = 0
            for (index, bucket) in snapshot.counts.enumerated() {
                count += bucket
                let bound =
                    index < series.bounds.count ? number(Double(series.bounds[index]) / 1e9) : "+Inf"
                text += "\(name)_bucket{\(prefix)le=\"\(bound)\"} \(count)\n"
            }
            text += "\(name)_sum\(braced) \(number(Double(snapshot.sum) / 1e9))\n"
            text += "\(name)_count\(braced) \(count)\n"
        }
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        zip(names, values).map { "\($0)=\"\(escaped($1, quotes: true))\"" }.joined(separator: ",")
    }

    /// Backslashes and line feeds, and in the values of labels quotes as well.
    static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), abs(whole) < 1 << 53 { return String(whole) }
        return String(value)
    }
}

/// One value that is read when a scrape asks for it.
public struct Sample: Sendable, Equatable {
    public let metric: Metric
    /// Values of the metric's labels, in their order.
    public let labels: [String]
    public let value: Double

    public init(_ metric: Metric, _ labels: String..., value: Double) {
        precondition(labels.count == metric.labels.count, "\(metric.name) has the labels \(metric.labels)")
        self.metric = metric
        self.labels = labels
        self.value = value
    }

    public init(_ metric: Metric, _ labels: String..., count: Int) {
        precondition(labels.count == metric.labels.count, "\(metric.name) has the labels \(metric.labels)")
        self.metric = metric
        self.labels = labels
        value = Double(count)
    }
}

extension Sample {
    /// How full a queue is, and what it has refused.
    public static func queue(
        _ name: String, items: Int? = nil, itemsLimit: Int? = nil, bytes: Int? = nil, bytesLimit: Int? = nil,
        refused: Int? = nil
    ) -> [Sample] {
        [
            items.map { Sample(.queueItems, name, count: $0) },
            itemsLimit.map { Sample(.queueItemsLimit, name, count: $0) },
            bytes.map { Sample(.queueBytes, name, count: $0) },
            bytesLimit.map { Sample(.queueBytesLimit, name, count: $0) },
            refused.map { Sample(.queueRefused, name, count: $0) },
        ].compactMap { $0 }
    }
}
