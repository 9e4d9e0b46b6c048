public import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// The settings of one process: read once at start, immutable afterwards.
public protocol ProcessSettings: Sendable {
    /// The name of the process, as in logs and `--version`.
    static var process: String { get }

    /// Reads every setting of the process. Mistakes are recorded in the reader, so this never throws.
    init(from reader: inout SettingsReader)
}

/// What all processes are told in the same words.
public struct CommonSettings: Sendable {
    public enum Environment: Sendable { case local, development, test, staging, production }

    public let app: String
    public let context: String
    public let logLevel: Logger.Level
    public let environment: Environment
    public let instance: String
    public let shutdownTimeout: Duration

    public init(from reader: inout SettingsReader) {
        app = reader.string("APP", default: "vy-gateway", help: "Name of the application in logs.")
        context = reader.string(
            "CONTEXT", default: "vy-gateway", help: "Value of the field `context` of each log line.")
        logLevel =
            reader.choice(
                "LOG_STREAM_LEVEL", default: "info",
                of: [
                    "error": .error, "warn": .warning, "log": .info, "info": .info, "debug": .debug,
                    "verbose": .trace, "trace": .trace, "notice": .notice, "warning": .warning,
                    "critical": .critical,
                ],
                help:
                    "Least level that is logged: error, warn, log, info, debug or verbose; SIGUSR2 switches to debug and back."
            ) ?? .info
        environment =
            reader.choice(
                "NODE_ENV", default: "production",
                of: [
                    "local": .local, "development": .development, "test": .test, "staging": .staging,
                    "production": .production,
                ],
                help:
                    "local, development, test, staging or production; `local` also serves a demo page at `/`."
            ) ?? .production
        instance = Self.instanceName(&reader)
        shutdownTimeout = reader.milliseconds(
            "SHUTDOWN_TIMEOUT", default: 10_000, in: 0...600_000,
            help: "Longest time (ms) that work in flight may take to end after SIGTERM.")
    }

    private static func instanceName(_ reader: inout SettingsReader) -> String {
        let help =
            "Name of this replica, unique among the replicas of its process and the same after a restart; "
            + "empty: the host name."
        let name = reader.optionalString("INSTANCE", help: help) ?? hostName()
        let allowed = name.utf8.allSatisfy { byte in
            switch UInt8(byte) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if name.utf8.count > 200 || !allowed {
            reader.mistake("INSTANCE: '\(name)' must be at most 200 of the characters a-z A-Z 0-9 . _ -")
        }
        return name
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension SettingsReader {
    /// Reads a whole file.
    ///
    /// - Parameter limit: KiB; by default far more than any secret has.
    public static func contents(ofFile path: String, limit: Int = 64) throws -> String {
        guard let file = fopen(path, "rb") else { throw FileError(reason: String(cString: strerror(errno))) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: limit << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw FileError(reason: "read error") }
        guard count < bytes.count else { throw FileError(reason: "longer than \(limit) KiB") }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw FileError(reason: "not UTF-8")
        }
        return text
    }

    struct FileError: Error, CustomStringConvertible {
        let reason: String
        var description: String { reason }
    }
}
