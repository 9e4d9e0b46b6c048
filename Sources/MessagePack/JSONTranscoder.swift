import FoundationEssentials
public import NIOCore
import RawJSON

/// Turns MessagePack values into the JSON that a JavaScript server would send for them, and their binaries into the
/// attachments of one Socket.IO packet, with placeholders in their place.
///
/// Integers stay integers; `NaN` and the infinities become null, dates (timestamps of the specification, and notepack 2's
/// extension 0) ISO 8601 strings. notepack 2's `undefined` is left out of maps and is null elsewhere.
///
/// The JSON is at most six times as long as the bytes, the placeholders apart.
public struct JSONTranscoder {
    /// The binaries of all values so far; placeholders name them by their index.
    public private(set) var attachments: [ByteBuffer] = []
    private let maxAttachments: Int

    public init(maxAttachments: Int) { self.maxAttachments = maxAttachments }

    /// Transcodes exactly one value.
    public mutating func json(_ bytes: ByteBuffer) throws(MessagePackError) -> ByteBuffer {
        var reader = MessagePackReader(bytes)
        var output = ByteBuffer()
        output.reserveCapacity(bytes.readableBytes)
        try value(&reader, &output, depth: 0)
        try reader.end()
        return output
    }

    private mutating func value(
        _ reader: inout MessagePackReader, _ output: inout ByteBuffer, depth: Int
    ) throws(MessagePackError) {
        switch try reader.head() {
        case .null: output.writeStaticString("null")
        case .bool(let bool): output.writeString(bool ? "true" : "false")
        case .unsigned(let number): output.writeString(String(number))
        case .signed(let number): output.writeString(String(number))
        case .float(let number): Self.write(number, &output)
        case .string(let count): _ = output.writeJSONString(utf8: try reader.text(count))
        case .binary(let count): try attach(&reader, count, &output)
        case .array(let count):
            guard depth < MessagePack.maxDepth else { throw reader.failure(.tooDeep) }
            try array(&reader, count, &output, depth: depth)
        case .map(let count):
            guard depth < MessagePack.maxDepth else { throw reader.failure(.tooDeep) }
            try map(&reader, count, &output, depth: depth)
        case .extension(let type, let count, let isFixed):
            // notepack 2 writes an ArrayBuffer so.
            if type == 0, !isFixed { return try attach(&reader, count, &output) }
            try Self.extended(&reader, type, count, &output)
        }
    }

    private mutating func array(
        _ reader: inout MessagePackReader, _ count: Int, _ output: inout ByteBuffer, depth: Int
    ) throws(MessagePackError) {
        output.writeStaticString("[")
        for index in 0..<count {
            if index > 0 { output.writeStaticString(",") }
            try value(&reader, &output, depth: depth + 1)
        }
        output.writeStaticString("]")
    }

    private mutating func map(
        _ reader: inout MessagePackReader, _ count: Int, _ output: inout ByteBuffer, depth: Int
    ) throws(MessagePackError) {
        output.writeStaticString("{")
        var isFirst = true
        for _ in 0..<count {
            let key = try reader.key()
            if reader.skipUndefined() { continue }
            if !isFirst { output.writeStaticString(",") }
            isFirst = false
            _ = output.writeJSONString(utf8: key)
            output.writeStaticString(":")
            try value(&reader, &output, depth: depth + 1)
        }
        output.writeStaticString("}")
    }

    private mutating func attach(
        _ reader: inout MessagePackReader, _ count: Int, _ output: inout ByteBuffer
    ) throws(MessagePackError) {
        let bytes = try reader.bytes(count)
        guard attachments.count < maxAttachments else { throw reader.failure(.tooManyAttachments) }
        output.writeString("{\"_placeholder\":true,\"num\":\(attachments.count)}")
        attachments.append(bytes)
    }

    /// As ECMAScript's `JSON.stringify`: a whole number has no fraction.
    private static func write(_ number: Double, _ output: inout ByteBuffer) {
        if !number.isFinite {
            output.writeStaticString("null")
        } else if let whole = Int64(exactly: number), abs(number) < 0x1p53 {
            output.writeString(String(whole))
        } else {
            output.writeString(String(number))
        }
    }

    // MARK: - Extensions

    private static func extended(
        _ reader: inout MessagePackReader, _ type: Int8, _ count: Int, _ output: inout ByteBuffer
    ) throws(MessagePackError) {
        var data = try reader.bytes(count)
        let milliseconds: Int64?
        switch (type, count) {
        case (0, 1) where data.readableBytesView.first == 0:
            output.writeStaticString("null")
            return
        case (0, 8): milliseconds = data.readInteger(as: Int64.self)
        case (-1, 4): milliseconds = data.readInteger(as: UInt32.self).map { Int64($0) * 1000 }
        case (-1, 8):
            // 30 bits of nanoseconds, 34 of seconds.
            milliseconds = data.readInteger(as: UInt64.self).map {
                Int64($0 & 0x3_FFFF_FFFF) * 1000 + Int64($0 >> 34) / 1_000_000
            }
        case (-1, 12):
            let nanoseconds = data.readInteger(as: UInt32.self).map(Int64.init) ?? 0
            let (seconds, overflow) = (data.readInteger(as: Int64.self) ?? 0)
                .multipliedReportingOverflow(by: 1000)
            milliseconds =
                overflow ? nil : seconds.addingReportingOverflow(nanoseconds / 1_000_000).partialValue
        default: throw reader.failure(.unsupportedExtension)
        }
        guard let milliseconds, dates.contains(milliseconds) else { throw reader.failure(.dateOutOfRange) }
        write(date: milliseconds, &output)
    }

    /// Milliseconds since 1970 from 1582-10-15, before which Foundation counts by the Julian calendar, up to the year 9999.
    private static let dates: Range<Int64> = -12_219_292_800_000..<253_402_300_800_000

    private static func write(date milliseconds: Int64, _ output: inout ByteBuffer) {
        let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        let (seconds, fraction) = remainder < 0 ? (quotient - 1, remainder + 1000) : (quotient, remainder)
        let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601).dropLast()
        let digits = String(1000 + fraction).dropFirst()
        output.writeString("\"\(whole).\(digits)Z\"")
    }
}
