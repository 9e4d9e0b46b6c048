public import Logging
public import ServiceLifecycle
public import Shared
public import Telemetry

/// The traces of one process: what makes its spans, and what sends them where that is wanted.
public struct ProcessTraces: Sendable {
    public let tracer: ProcessTracer
    private let exporter: SpanExporter?

    /// - Parameter settings: nil: no traces.
    public init(
        _ settings: TraceSettings?, process: String, _ common: CommonSettings, logger: Logger
    ) {
        guard let settings else {
            (tracer, exporter) = (.off, nil)
            return
        }
        let encoding = OTLPEncoding(
            resource: [
                "service.name": process, "service.namespace": common.app,
                "service.instance.id": common.instance, "service.version": Build.version,
                "deployment.environment.name": "\(common.environment)",
            ], version: Build.version)
        let exporter = SpanExporter(settings, encoding: encoding, logger: logger)
        self.exporter = exporter
        tracer = ProcessTracer(ratio: settings.ratio) { exporter.add($0) }
    }

    /// Before the others, so that they stop before it: the last spans are theirs.
    public var services: [any Service] { exporter.map { [$0] } ?? [] }

    /// For a scrape.
    public var samples: [Sample] { exporter?.samples ?? [] }
}
