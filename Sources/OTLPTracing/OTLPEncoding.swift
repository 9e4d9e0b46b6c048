import NIOCore
import RawJSON
import Shared
import Tracing

/// Spans as an `ExportTraceServiceRequest` of OTLP 1.x in JSON: ids in hexadecimal, 64-bit integers as strings
/// (OTLP specification, "JSON Protobuf Encoding").
struct OTLPEncoding: Sendable {
    /// Bytes of a string; what a client sends may be long.
    private static let longestText = 1024

    /// All but the spans, rendered once.
    private let head: ByteBuffer

    /// - Parameters:
    ///   - resource: what OpenTelemetry says of the process, such as `service.name`.
    ///   - version: of the gateway.
    init(resource: KeyValuePairs<String, String>, version: String) {
        var head = ByteBuffer(string: "{\"resourceSpans\":[{\"resource\":{\"attributes\":[")
        for (index, (key, value)) in resource.enumerated() {
            if index > 0 { head.writeStaticString(",") }
            head.writeAttribute(key, .string(value), longest: Self.longestText)
        }
        head.writeStaticString("]},\"scopeSpans\":[{\"scope\":{\"name\":\"vy-gateway\",\"version\":")
        head.writeJSONString(version)
        head.writeStaticString("},\"spans\":[")
        self.head = head
    }

    func request(_ spans: [FinishedSpan]) -> ByteBuffer {
        var buffer = head
        for (index, span) in spans.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            write(span, into: &buffer)
        }
        buffer.writeStaticString("]}]}]}")
        return buffer
    }

    private func write(_ span: FinishedSpan, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{")
        buffer.writeIDs(span.trace)
        if let parent = span.parent { buffer.writeString(",\"parentSpanId\":\"\(parent)\"") }
        buffer.writeString(
            ",\"flags\":\(span.trace.flags),\"kind\":\(Self.number(of: span.kind)),\"startTimeUnixNano\":\"\(span.start)\",\"endTimeUnixNano\":\"\(span.end)\",\"name\":"
        )
        buffer.writeJSONString(span.name)
        write(span.attributes, into: &buffer)
        buffer.writeList("events", span.events) { buffer, event in
            buffer.writeString("{\"timeUnixNano\":\"\(event.nanosecondsSinceEpoch)\",\"name\":")
            buffer.writeJSONString(event.name)
            write(event.attributes, into: &buffer)
            buffer.writeStaticString("}")
        }
        buffer.writeList("links", span.links) { buffer, link in
            buffer.writeStaticString("{")
            buffer.writeIDs(link.trace)
            write(link.attributes, into: &buffer)
            buffer.writeStaticString("}")
        }
        if let status = span.status {
            buffer.writeStaticString(
                status.code == .error ? ",\"status\":{\"code\":2" : ",\"status\":{\"code\":1")
            if let message = status.message {
                buffer.writeStaticString(",\"message\":")
                buffer.writeText(message, longest: Self.longestText)
            }
            buffer.writeStaticString("}")
        }
        buffer.writeStaticString("}")
    }

    private func write(_ attributes: SpanAttributes, into buffer: inout ByteBuffer) {
        guard !attributes.isEmpty else { return }
        buffer.writeStaticString(",\"attributes\":[")
        var isFirst = true
        attributes.forEach { key, value in
            if !isFirst { buffer.writeStaticString(",") }
            isFirst = false
            buffer.writeAttribute(key, value, longest: Self.longestText)
        }
        buffer.writeStaticString("]")
    }

    /// `Span.SpanKind` of opentelemetry-proto.
    private static func number(of kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeIDs(_ trace: TraceContext) {
        writeString("\"traceId\":\"\(trace.traceID)\",\"spanId\":\"\(trace.spanID)\"")
        if let state = trace.state {
            writeStaticString(",\"traceState\":")
            writeJSONString(state)
        }
    }

    fileprivate mutating func writeList<Item>(
        _ name: StaticString, _ items: [Item], _ write: (inout ByteBuffer, Item) -> Void
    ) {
        guard !items.isEmpty else { return }
        writeStaticString(",\"")
        writeStaticString(name)
        writeStaticString("\":[")
        for (index, item) in items.enumerated() {
            if index > 0 { writeStaticString(",") }
            write(&self, item)
        }
        writeStaticString("]")
    }

    fileprivate mutating func writeAttribute(_ key: String, _ value: SpanAttribute, longest: Int) {
        writeStaticString("{\"key\":")
        writeJSONString(key)
        writeStaticString(",\"value\":")
        writeValue(value, longest: longest)
        writeStaticString("}")
    }

    private mutating func writeValue(_ value: SpanAttribute, longest: Int) {
        func list<Item>(_ items: [Item], _ attribute: (Item) -> SpanAttribute) {
            writeStaticString("{\"arrayValue\":{\"values\":[")
            for (index, item) in items.enumerated() {
                if index > 0 { writeStaticString(",") }
                writeValue(attribute(item), longest: longest)
            }
            writeStaticString("]}}")
        }
        switch value {
        case .int32(let number): writeString("{\"intValue\":\"\(number)\"}")
        case .int64(let number): writeString("{\"intValue\":\"\(number)\"}")
        // JSON has no word for these, which protobuf's mapping writes as strings.
        case .double(let number) where !number.isFinite:
            writeStaticString(
                number.isNaN
                    ? "{\"doubleValue\":\"NaN\"}"
                    : number > 0 ? "{\"doubleValue\":\"Infinity\"}" : "{\"doubleValue\":\"-Infinity\"}")
        case .double(let number): writeString("{\"doubleValue\":\(number)}")
        case .bool(let flag): writeString("{\"boolValue\":\(flag)}")
        case .int32Array(let numbers): list(numbers) { .int32($0) }
        case .int64Array(let numbers): list(numbers) { .int64($0) }
        case .doubleArray(let numbers): list(numbers) { .double($0) }
        case .boolArray(let flags): list(flags) { .bool($0) }
        case .stringArray(let texts): list(texts) { .string($0) }
        case .stringConvertibleArray(let texts): list(texts) { .string("\($0)") }
        case .string(let text): writeStringValue(text, longest: longest)
        case .stringConvertible(let text): writeStringValue("\(text)", longest: longest)
        default: writeStringValue("", longest: longest)
        }
    }

    private mutating func writeStringValue(_ text: String, longest: Int) {
        writeStaticString("{\"stringValue\":")
        writeText(text, longest: longest)
        writeStaticString("}")
    }

    fileprivate mutating func writeText(_ text: String, longest: Int) {
        guard text.utf8.count > longest else { return writeJSONString(text) }
        var end = text.utf8.index(text.startIndex, offsetBy: longest)
        while String.Index(end, within: text) == nil { end = text.utf8.index(before: end) }
        writeJSONString(String(text[..<end]))
    }
}
