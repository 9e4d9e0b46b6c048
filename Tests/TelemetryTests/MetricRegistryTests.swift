import CoreMetrics
import Testing

@testable import Telemetry

@Suite struct MetricRegistryTests {
    private let registry = MetricRegistry()

    private func value(_ metric: Metric, _ labels: String...) -> Double? {
        switch registry.snapshot()[metric]?[labels] {
        case .counter(let series): Double(series.value)
        case .gauge(let series): series.value
        case .histogram(let series): Double(series.snapshot.counts.reduce(0, +))
        case nil: nil
        }
    }

    @Test func handlesOfTheSameLabelsCountTogether() {
        Counter(.socketRefusals, "a", factory: registry).increment(by: 2)
        Counter(.socketRefusals, "a", factory: registry).increment()
        Counter(.socketRefusals, "b", factory: registry).increment()
        #expect(value(.socketRefusals, "a") == 3)
        #expect(value(.socketRefusals, "b") == 1)
    }

    @Test func nothingIsLostWhenManyCountAtOnce() async {
        let registry = registry
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = Counter(.socketRefusals, "a", factory: registry)
                    let timer = Timer(.redisDuration, factory: registry)
                    let gauge = Meter(label: Metric.socketRooms.name, factory: registry)
                    for index in 0..<10_000 {
                        counter.increment()
                        timer.recordNanoseconds(Int64(index) * 1000)
                        gauge.increment(by: 1.0)
                    }
                }
            }
        }
        #expect(value(.socketRefusals, "a") == 80_000)
        #expect(value(.redisDuration) == 80_000)
        #expect(value(.socketRooms) == 80_000)
        guard case .histogram(let series) = registry.snapshot()[.redisDuration]?[[]] else {
            Issue.record("no histogram")
            return
        }
        #expect(series.snapshot.sum == 8 * 1000 * (9999 * 10_000 / 2))
    }

    @Test func aValueOnABoundIsInItsBucket() {
        let series = HistogramSeries(Metric.Buckets(milliseconds: 1, 2))
        for duration in [-5, 0, 1_000_000, 1_000_001, 2_000_000, 2_000_001] as [Int64] {
            series.recordNanoseconds(duration)
        }
        #expect(series.snapshot.counts == [3, 2, 1])
        #expect(series.snapshot.sum == 6_000_002 + 1_000_000 - 1_000_000)
    }

    /// What other libraries count has no place in the documentation, and no bound.
    @Test func whatIsNotInTheCatalogueIsNotExposed() {
        Counter(label: "somebody_elses_total", factory: registry).increment()
        Counter(label: Metric.socketRefusals.name, dimensions: [("user", "1")], factory: registry).increment()
        Counter(label: Metric.socketRooms.name, factory: registry).increment()
        #expect(registry.snapshot().isEmpty)
    }

    @Test func furtherSeriesThanAreAllowedCountAsOther() {
        for index in 0..<MetricRegistry.mostSeries + 500 {
            Counter(.socketRefusals, "r\(index)", factory: registry).increment()
        }
        #expect(registry.snapshot()[.socketRefusals]?.count == MetricRegistry.mostSeries + 1)
        #expect(value(.socketRefusals, "other") == 500)
    }

    @Test func aCounterIsNotReset() {
        let counter = Counter(.socketRefusals, "a", factory: registry)
        counter.increment()
        counter.reset()
        counter.destroy()
        #expect(value(.socketRefusals, "a") == 1)
    }

    @Test func aSetShowsEachCaseFromTheStart() {
        enum Reason: String, CaseIterable { case one, two }
        let set = CounterSet<Reason>(.socketRefusals, factory: registry)
        set.count(.two)
        #expect(value(.socketRefusals, "one") == 0)
        #expect(value(.socketRefusals, "two") == 1)
    }

    @Test func aRequestIsTimedByItsStatus() {
        withMetricsFactory(registry) {
            let meter = RequestMeter(method: "POST", route: "/a/b")
            meter.record(status: 200, nanoseconds: 1_000_000)
            meter.record(status: 200, nanoseconds: 3_000_000)
            meter.record(status: 599, nanoseconds: 3_000_000)
            meter.record(status: 99, nanoseconds: 3_000_000)
            meter.record(status: 600, nanoseconds: 3_000_000)
        }
        #expect(registry.snapshot()[.httpDuration]?.count == 2)
        #expect(value(.httpDuration, "POST", "/a/b", "200") == 2)
        #expect(value(.httpDuration, "POST", "/a/b", "599") == 1)
    }
}

@Suite struct MetricTests {
    @Test(arguments: Metric.allCases) func namesFollowTheRules(metric: Metric) {
        #expect(metric.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
        #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
        #expect(!metric.help.isEmpty && metric.help.hasSuffix("."))
        #expect(Set(metric.labels).count == metric.labels.count)
        #expect(!metric.labels.contains { $0 == "le" || $0.hasPrefix("__") })
        #expect(!metric.processes.isEmpty)
        if case .histogram(let buckets) = metric.kind {
            #expect(metric.name.hasSuffix("_seconds"))
            #expect(
                buckets.bounds == buckets.bounds.sorted() && Set(buckets.bounds).count == buckets.bounds.count
            )
        }
    }

    @Test func durations() {
        #expect(Duration.seconds(1).nanoseconds == 1_000_000_000)
        #expect(Duration.milliseconds(-1500).nanoseconds == -1_500_000_000)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.milliseconds(1250).seconds == 1.25)
    }
}

@Suite struct ProcessFiguresTests {
    @Test func theNameOfAProgramMayHoldAnything() throws {
        let fields = (3...52).map { String($0) }.joined(separator: " ")
        let stat = try #require(ProcessFigures.Stat("1234 (a) b (c)) \(fields)"))
        #expect(stat.cpuTicks == 14 + 15)
        #expect(stat.threads == 20)
        #expect(stat.startTicks == 22)
        #expect(stat.virtualBytes == 23)
        #expect(stat.residentPages == 24)
        #expect(ProcessFigures.Stat("1234 (a) S 1") == nil)
        #expect(ProcessFigures.Stat("") == nil)
    }

    @Test func thisProcessHasAllOfThem() {
        let values = Dictionary(uniqueKeysWithValues: ProcessFigures.samples().map { ($0.metric, $0.value) })
        #expect(
            Set(values.keys) == [
                .processCPU, .processResident, .processVirtual, .processOpenFiles, .processMaxFiles,
                .processStart, .processThreads,
            ])
        #expect(values.values.allSatisfy { $0 > 0 })
    }
}
