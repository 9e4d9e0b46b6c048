public import ArgumentParser
import Foundation
public import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#endif

/// The version that `--version`, `/version` and the handshakes report.
public enum Build {
    public static let version = "0.1.0"
}

/// The command line that all processes share.
public struct ProcessOptions: ParsableArguments {
    @Option(
        help:
            "A file of NAME=value lines. Variables of the environment win. Default: .env where there is one.")
    var envFile: String?

    @Flag(help: "Check every setting, report all mistakes, and exit: 0 when there are none, else 64.")
    var checkConfig = false

    @Flag(help: "Print every setting in force as NAME=value (secrets as ***), and exit.")
    var printConfig = false

    public init() {}

    /// The `--help` and `--version` texts of a process.
    public static func configuration<Settings: ProcessSettings>(
        _ settings: Settings.Type, abstract: String
    ) -> CommandConfiguration {
        CommandConfiguration(
            commandName: Settings.process, abstract: abstract,
            discussion: "Configured by environment variables; --print-config lists them.",
            version: "\(Settings.process) \(Build.version)")
    }

    /// Reads the settings, runs the services until one fails or the process is told to stop (SIGTERM, SIGINT), and
    /// flushes the log.
    ///
    /// - Parameter parts: makes the services. The supervisor is to be told when the process listens.
    /// - Throws: `ExitCode(64)` (EX_USAGE of sysexits(3)) for wrong settings, which are all named on standard error.
    public func run<Settings: ProcessSettings>(
        _ type: Settings.Type,
        parts: (Settings, CommonSettings, Logger, Supervisor) async throws -> ProcessParts
    ) async throws {
        guard let (settings, common) = try load(type) else { return }
        signal(SIGPIPE, SIG_IGN)  // a peer that goes away is an error of one write, never of the process
        // Until the services that trap them run: what comes earlier does not end the process.
        for early in [SIGHUP, SIGUSR2] { signal(early, SIG_IGN) }
        Self.raiseFileLimit()
        FreeMemory.limitArenas()
        let writer = LogWriter()
        let log = ProcessLog.bootstrap(common, process: Settings.process, writer: writer)
        let logger = log.logger
        defer { writer.close() }
        do {
            logger.info(
                "starting", metadata: ["version": "\(Build.version)", "pid": "\(getpid())"])
            let supervisor = Supervisor.ofEnvironment(logger)
            let own = try await parts(settings, common, logger, supervisor)
            // Stopped in the reverse order: signals are heeded and signs of life given until the last service has stopped.
            let first: [any Service] = [
                supervisor, log.levelSwitch, ReloadSignal(reloads: own.reloads, logger: logger),
            ]
            let last: [any Service] = [FreeMemory(), StopNotice(supervisor: supervisor)]
            var group = ServiceGroupConfiguration(
                services: (first + own.services + last).map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            // The services bound their own draining by SHUTDOWN_TIMEOUT; this is the net under them.
            group.maximumGracefulShutdownDuration = common.shutdownTimeout + .seconds(2)
            group.maximumCancellationDuration = .seconds(2)
            try await ServiceGroup(configuration: group).run()
            logger.info("stopped")
        } catch {
            logger.critical("stopped by an error", metadata: ["error": "\(error)"])
            writer.close()
            throw ExitCode(1)
        }
    }

    /// The settings to run with, or nil when the command line asked only to check or print them.
    public func load<Settings: ProcessSettings>(
        _ type: Settings.Type
    ) throws -> (Settings, CommonSettings)? {
        var mistakes: [String] = []
        let file = fileValues(&mistakes)
        var reader = SettingsReader(
            value: { name in getenv(name).map { String(cString: $0) } ?? file[name] },
            names: { Set(ProcessInfo.processInfo.environment.keys).union(file.keys).sorted() })
        let common = CommonSettings(from: &reader)
        let settings = Settings(from: &reader)
        mistakes += reader.mistakes
        if printConfig {
            for setting in reader.settings where !setting.isPrefix {
                print("\(setting.name)=\(setting.isSecret && !setting.text.isEmpty ? "***" : setting.text)")
            }
        }
        guard mistakes.isEmpty else {
            let lines = mistakes.map { "  \($0)\n" }.joined()
            let report = "\(Settings.process): wrong settings:\n\(lines)"
            _ = report.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            throw ExitCode(EX_USAGE)
        }
        if checkConfig { print("\(Settings.process): the settings are right") }
        return checkConfig || printConfig ? nil : (settings, common)
    }

    private func fileValues(_ mistakes: inout [String]) -> [String: String] {
        let path = envFile ?? ".env"
        do {
            let (values, wrong) = EnvironmentFile.parse(try SettingsReader.contents(ofFile: path))
            mistakes += wrong.map { "\(path): \($0)" }
            return values
        } catch {
            // Only a file that was asked for has to be there.
            if envFile != nil || access(path, F_OK) == 0 { mistakes.append("\(path): \(error)") }
            return [:]
        }
    }

    /// Sockets are file descriptors, and the soft limit is often 1,024.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
