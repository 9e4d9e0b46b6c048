import Logging
import NIOCore
import RawJSON

#if canImport(Glibc)
    import Glibc
#endif

/// Renders each log entry as one JSON object on a line: time, level, message, app, context, process, instance, then metadata.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let threshold: LogThreshold
    private var ownLevel: Logger.Level?
    /// The members that are the same on every line, rendered once: `,"app":"…",…`.
    private let constant: ByteBuffer
    private let writer: LogWriter

    init(_ settings: CommonSettings, process: String, threshold: LogThreshold, writer: LogWriter) {
        self.threshold = threshold
        self.writer = writer
        var constant = ByteBuffer()
        constant.writeMember("app", settings.app)
        constant.writeMember("context", settings.context)
        constant.writeMember("process", process)
        constant.writeMember("instance", settings.instance)
        self.constant = constant
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
        var line = ByteBuffer()
        line.writeStaticString("{\"time\":\"")
        line.writeString(Timestamp.now())
        line.writeStaticString("\",\"level\":\"")
        line.writeString(event.level.rawValue)
        line.writeStaticString("\"")
        line.writeMember("message", event.message.description)
        line.writeImmutableBuffer(constant)
        for (key, value) in event.fields(metadata, metadataProvider).sorted(by: { $0.key < $1.key }) {
            line.writeStaticString(",")
            line.writeJSONString(key)
            line.writeStaticString(":")
            line.writeMetadata(value)
        }
        line.writeStaticString("}")
        writer.write(String(buffer: line))
    }
}

extension LogEvent {
    /// A logger's metadata, its provider's over them, and the entry's own over both.
    func fields(_ metadata: Logger.Metadata, _ provider: Logger.MetadataProvider?) -> Logger.Metadata {
        var fields = metadata
        if let provided = provider?.get() { fields.merge(provided) { $1 } }
        if let explicit = self.metadata { fields.merge(explicit) { $1 } }
        return fields
    }
}

extension ByteBuffer {
    /// Appends `,"name":"value"`.
    fileprivate mutating func writeMember(_ name: String, _ value: String) {
        writeStaticString(",")
        writeJSONString(name)
        writeStaticString(":")
        writeJSONString(value)
    }

    fileprivate mutating func writeMetadata(_ value: Logger.MetadataValue) {
        switch value {
        case .string, .stringConvertible: writeJSONString(value.description)
        case .dictionary(let members):
            writeStaticString("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { writeStaticString(",") }
                writeJSONString(member.key)
                writeStaticString(":")
                writeMetadata(member.value)
            }
            writeStaticString("}")
        case .array(let items):
            writeStaticString("[")
            for (index, item) in items.enumerated() {
                if index > 0 { writeStaticString(",") }
                writeMetadata(item)
            }
            writeStaticString("]")
        }
    }
}

/// Wall-clock time as RFC 3339 text in UTC with milliseconds.
enum Timestamp {
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    static func text(seconds: Int, milliseconds: Int) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date =
            "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(time).\(padded(milliseconds, 3))Z"
    }
}
