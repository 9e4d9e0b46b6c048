import CoreMetrics
import Synchronization

/// What became of a request, in the words of the outcome contract.
public enum RequestOutcome: String, CaseIterable, Sendable {
    case answered
    /// 202.
    case pending
    case serviceError = "service_error"
    case notSent = "not_sent"
    case unknown
    /// The request itself was wrong.
    case invalid
    case limited
}

/// The durations of one method and route by status. Handles are made when a status first comes, and found by its number.
///
/// @unchecked: `timers` is set up once and freed by `deinit`; its elements are atomic.
public final class RequestMeter: @unchecked Sendable {
    private static let statuses = 100..<600

    public let method: String
    public let route: String
    private let timers: UnsafeMutablePointer<AtomicLazyReference<Timer>>

    public init(method: String, route: String) {
        self.method = method
        self.route = route
        timers = .allocate(capacity: Self.statuses.count)
        for index in 0..<Self.statuses.count { (timers + index).initialize(to: AtomicLazyReference()) }
    }

    deinit {
        timers.deinitialize(count: Self.statuses.count)
        timers.deallocate()
    }

    /// - Parameter nanoseconds: how long it took. Not a `Duration`, whose 128 bits take longer to divide than all the rest.
    public func record(status: Int, nanoseconds: Int64) {
        guard Self.statuses.contains(status) else { return }
        let place = status - Self.statuses.lowerBound
        let timer =
            timers[place].load()
            ?? timers[place].storeIfNil(Timer(.httpDuration, method, route, String(status)))
        timer.recordNanoseconds(nanoseconds)
    }
}

/// The events of sockets for one operation. Handles are made at the first event.
public final class EventMeter: Sendable {
    public enum Outcome: String, CaseIterable, Sendable {
        case answered
        case serviceError = "service_error"
        case notSent = "not_sent"
        case unknown
        case invalid
        case limited
        /// It asked for no acknowledgement.
        case ignored

        public init(_ outcome: RequestOutcome) {
            self =
                switch outcome {
                case .answered, .pending: .answered
                case .serviceError: .serviceError
                case .notSent: .notSent
                case .unknown: .unknown
                case .invalid: .invalid
                case .limited: .limited
                }
        }
    }

    private final class Handles: Sendable {
        let counters: [Outcome: Counter]
        let timer: Timer

        init(_ event: String) {
            counters = Dictionary(
                uniqueKeysWithValues: Outcome.allCases.map {
                    ($0, Counter(.socketEvents, event, $0.rawValue))
                })
            timer = Timer(.socketEventDuration, event)
        }
    }

    /// For events that no operation has.
    public static let other = EventMeter(event: "other")

    public let event: String
    private let handles = AtomicLazyReference<Handles>()

    public init(event: String) { self.event = event }

    private var made: Handles { handles.load() ?? handles.storeIfNil(Handles(event)) }

    public func count(_ outcome: Outcome) { made.counters[outcome]?.increment() }

    /// The event was sent to the bridge, and its answer took so long.
    public func answered(_ outcome: Outcome, after duration: Duration) {
        count(outcome)
        made.timer.recordNanoseconds(duration.nanoseconds)
    }
}

extension Duration {
    public var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// At most some 292 years.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLarge ? .max : product.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
    }
}
