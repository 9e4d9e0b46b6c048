import CoreMetrics
import Synchronization

/// One line of a counter.
final class CounterSeries: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    /// A counter never falls.
    func reset() {}
}

/// One line of a gauge.
final class GaugeSeries: RecorderHandler, MeterHandler {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let wanted = (Double(bitPattern: known) + amount).bitPattern
            let (exchanged, original) = bits.compareExchange(
                expected: known, desired: wanted, ordering: .relaxed)
            if exchanged { return }
            known = original
        }
    }
}

/// The buckets of one histogram of durations.
///
/// @unchecked: `counts` is set up once and freed by `deinit`; its elements are atomic.
final class HistogramSeries: TimerHandler, @unchecked Sendable {
    struct Snapshot: Equatable {
        /// Of each bucket alone; the last has no bound.
        let counts: [Int64]
        /// In nanoseconds; begins anew at 2^64, as counters may: that is 104 days of 2,048 that always wait.
        let sum: UInt64
    }

    let bounds: [Int64]
    private let counts: UnsafeMutablePointer<Atomic<Int64>>
    private let sum = Atomic<UInt64>(0)

    init(_ buckets: Metric.Buckets) {
        bounds = buckets.bounds
        counts = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: bounds.count + 1)
        counts.deallocate()
    }

    func recordNanoseconds(_ duration: Int64) {
        // A clock that was set back must not make a sum fall.
        let duration = max(0, duration)
        let index = bounds.firstIndex { duration <= $0 } ?? bounds.count
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sum.wrappingAdd(UInt64(duration), ordering: .relaxed)
    }

    var snapshot: Snapshot {
        Snapshot(
            counts: (0...bounds.count).map { counts[$0].load(ordering: .relaxed) },
            sum: sum.load(ordering: .relaxed))
    }
}
