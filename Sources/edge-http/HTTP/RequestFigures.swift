import CoreMetrics
import HTTPTypes
import NIOCore
import Operations
import Synchronization
import Telemetry

/// Counts what clients were told, and how long they waited for it.
final class RequestFigures: Sendable {
    /// Codes of problems are the gateway's own and few; whatever would be one more counts as `other`.
    private static let mostCodes = 64
    private static let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ]

    /// Of requests that no operation takes, by method.
    private let unmatched: [String: RequestMeter]
    /// Of late answers that are asked for.
    let operation = RequestMeter(method: "GET", route: OperationPage.prefix + "{id}")
    private let otherMethod = RequestMeter(method: "_OTHER", route: "unmatched")
    private let outcomes = CounterSet<RequestOutcome>(.httpOutcomes)
    /// The one of them that counts most requests.
    private let answered = Counter(.httpOutcomes, RequestOutcome.answered.rawValue)
    private let problems = Mutex<[String: Counter]>([:])

    init() {
        unmatched = Dictionary(
            uniqueKeysWithValues: Self.methods.map { ($0, RequestMeter(method: $0, route: "unmatched")) })
    }

    /// - Parameters:
    ///   - meter: of the operation; nil when there is none.
    ///   - problem: nil for an answer, which may be a service's error.
    func ended(
        _ method: HTTPRequest.Method, _ meter: RequestMeter?, status: Int, problem: Problem?,
        after duration: TimeAmount
    ) {
        (meter ?? unmatched[method.rawValue] ?? otherMethod)
            .record(status: status, nanoseconds: duration.nanoseconds)
        guard let problem else {
            if status < 400, status != 202 { return answered.increment() }
            return outcomes.count(status == 202 ? .pending : .serviceError)
        }
        outcomes.count(problem.requestOutcome)
        count(problem.code)
    }

    private func count(_ code: String) {
        let counter = problems.withLock { problems in
            if let known = problems[code] { return known }
            let name = problems.count < Self.mostCodes ? code : "other"
            let counter = problems[name] ?? Counter(.httpProblems, name)
            problems[name] = counter
            return counter
        }
        counter.increment()
    }
}
