import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// The log of a process on standard output: a JSON object a line, or text for a person where one looks at it.
struct ProcessLog {
    let logger: Logger
    /// Lets the level change while the process runs.
    let levelSwitch: LogSwitch

    /// Makes it the one that all loggers of the process write to.
    static func bootstrap(_ settings: CommonSettings, process: String, writer: LogWriter) -> ProcessLog {
        let threshold = LogThreshold(settings.logLevel)
        let isRead = settings.environment == .local && isatty(STDOUT_FILENO) == 1
        let json = JSONLogFormat(settings, process: process)
        let handler = ProcessLogHandler(
            isRead ? TerminalLogFormat(isColoured: getenv("NO_COLOR") == nil) : json,
            threshold: threshold, writer: writer, kept: (.ofProcess, json))
        LoggingSystem.bootstrap { _ in handler }
        let logger = Logger(label: process)
        return ProcessLog(logger: logger, levelSwitch: LogSwitch(threshold: threshold, logger: logger))
    }
}
