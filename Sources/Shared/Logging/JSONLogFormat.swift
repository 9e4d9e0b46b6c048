import Logging
import NIOCore
import RawJSON

#if canImport(Glibc)
    import Glibc
#endif

/// One JSON object: time, level, message, app, context, process, instance, then the fields.
struct JSONLogFormat: LogFormat {
    /// The members that are the same on every line, rendered once: `,"app":"…",…`.
    private let constant: ByteBuffer

    init(_ settings: CommonSettings, process: String) {
        var constant = ByteBuffer()
        constant.writeMember("app", settings.app)
        constant.writeMember("context", settings.context)
        constant.writeMember("process", process)
        constant.writeMember("instance", settings.instance)
        self.constant = constant
    }

    func line(_ event: LogEvent, _ fields: [(key: String, value: Logger.MetadataValue)]) -> String {
        var line = ByteBuffer()
        line.writeStaticString("{\"time\":\"")
        line.writeString(Timestamp.now())
        line.writeStaticString("\",\"level\":\"")
        line.writeString(event.level.rawValue)
        line.writeStaticString("\"")
        line.writeMember("message", event.message.description)
        line.writeImmutableBuffer(constant)
        for (key, value) in fields {
            line.writeStaticString(",")
            line.writeJSONString(key)
            line.writeStaticString(":")
            line.writeMetadata(value)
        }
        line.writeStaticString("}")
        return String(buffer: line)
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
        case .string(let text): writeJSONString(text)
        // Numbers stay numbers, so that a log's reader can compare them.
        case .stringConvertible(let number as Int): writeString(String(number))
        case .stringConvertible(let number as Double) where number.isFinite: writeString("\(number)")
        case .stringConvertible(let value): writeJSONString(value.description)
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
