import Logging

/// How a log entry becomes a line.
protocol LogFormat: Sendable {
    /// - Parameter fields: in the order in which they are shown.
    func line(_ event: LogEvent, _ fields: [(key: String, value: Logger.MetadataValue)]) -> String
}

/// Writes the entries of one logger in the process's format, counts them, and keeps the last warnings and errors.
struct ProcessLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let format: any LogFormat
    private let threshold: LogThreshold
    private var ownLevel: Logger.Level?
    private let writer: LogWriter
    private let kept: (lines: RecentLines, format: JSONLogFormat)?

    /// - Parameter kept: where warnings and errors are kept, and how they are told there.
    init(
        _ format: any LogFormat, threshold: LogThreshold, writer: LogWriter,
        kept: (lines: RecentLines, format: JSONLogFormat)? = nil
    ) {
        self.format = format
        self.threshold = threshold
        self.writer = writer
        self.kept = kept
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? threshold.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        LogFigures.noteLine(event.level)
        // The provider's stand over the logger's own, and the entry's over both.
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let explicit = event.metadata { fields.merge(explicit) { $1 } }
        let shown = fields.sorted { $0.key < $1.key }
        let line = format.line(event, shown)
        writer.write(line)
        guard event.level >= .warning, let kept else { return }
        kept.lines.keep(
            format is JSONLogFormat ? line : kept.format.line(event, shown), of: "\(event.message)")
    }
}
