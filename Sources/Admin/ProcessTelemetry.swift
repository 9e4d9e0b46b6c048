import CoreMetrics
import NIOCore
public import Shared
public import Telemetry

/// One process's metrics: what it counts, what is read for each scrape, and whether its loops turn.
public final class ProcessTelemetry: Sendable {
    public let process: Metric.Process
    /// The replica's name.
    let instance: String
    /// Names this run of the process, and no other of any process.
    let run = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
    let version = Build.version
    /// A service: it has to run for `/livez`.
    public let watch: LoopWatch
    private let registry: MetricRegistry

    /// Becomes what all handles count for. Once in a process, before any handle is made.
    public init(_ process: Metric.Process, instance: String) {
        self.process = process
        self.instance = instance
        registry = MetricRegistry()
        MetricsSystem.bootstrap(registry)
        let loops = Timer(.executorLag, LoopWatch.Executor.eventLoop.rawValue)
        let pool = Timer(.executorLag, LoopWatch.Executor.pool.rawValue)
        watch = LoopWatch { executor, late in
            (executor == .pool ? pool : loops).recordNanoseconds(late.nanoseconds)
        }
    }

    /// For tests: counts nothing.
    init(_ process: Metric.Process, instance: String, watch: LoopWatch) {
        self.process = process
        self.instance = instance
        self.watch = watch
        registry = MetricRegistry()
    }

    func scraper(_ parts: [ScrapePart], isReady: @escaping @Sendable () -> Bool) -> Scraper {
        let (process, version, watch) = (process, version, watch)
        return Scraper(process: process, registry: registry, parts: parts, eventLoop: watch.eventLoop) {
            ProcessFigures.samples() + LogFigures.samples()
                + LoopWatch.Executor.allCases.map {
                    Sample(.executorLastTurn, $0.rawValue, value: watch.lastTurn(of: $0).seconds)
                } + [
                    Sample(.buildInfo, process.rawValue, version, value: 1),
                    Sample(.ready, value: isReady() ? 1 : 0),
                ]
        }
    }
}

extension LogFigures {
    fileprivate static func samples() -> [Sample] {
        lines.map { Sample(.logLines, $0, count: $1) }
            + Sample.queue("log", bytes: waitingBytes, bytesLimit: capacity, refused: dropped)
    }
}
