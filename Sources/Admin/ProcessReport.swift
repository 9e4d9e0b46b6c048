import NIOCore
import RawJSON
import Shared
import Telemetry

/// All that the console shows of a process, in one answer.
struct ProcessReport {
    let telemetry: ProcessTelemetry
    let missing: [String]
    /// JSON objects.
    let errors: [String]
    /// In Prometheus' format.
    let metrics: String

    var json: ByteBuffer {
        var json = ByteBuffer()
        json.reserveCapacity(metrics.utf8.count + 65_536)
        json.writeStaticString("{\"process\":")
        json.writeJSONString(telemetry.process.rawValue)
        json.writeStaticString(",\"instance\":")
        json.writeJSONString(telemetry.instance)
        json.writeStaticString(",\"run\":")
        json.writeJSONString(telemetry.run)
        json.writeStaticString(",\"version\":")
        json.writeJSONString(telemetry.version)
        json.writeStaticString(",\"stalled\":")
        json.writeJSONStrings(telemetry.watch.stalled)
        json.writeStaticString(",\"missing\":")
        json.writeJSONStrings(missing)
        json.writeStaticString(",\"errors\":")
        json.writeJSONArray(of: errors)
        json.writeStaticString(",\"metrics\":")
        json.writeJSONString(metrics)
        json.writeStaticString("}")
        return json
    }
}

extension ByteBuffer {
    fileprivate mutating func writeJSONStrings(_ texts: [String]) {
        writeStaticString("[")
        for (index, text) in texts.enumerated() {
            if index > 0 { writeStaticString(",") }
            writeJSONString(text)
        }
        writeStaticString("]")
    }

    /// - Parameter values: JSON texts.
    mutating func writeJSONArray(of values: [String]) {
        writeStaticString("[")
        writeString(values.joined(separator: ","))
        writeStaticString("]")
    }
}
