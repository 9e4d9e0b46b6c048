/// Which trace a message belongs to, and which span of it the message came from (W3C Trace Context, level 1).
public struct TraceContext: Hashable, Sendable {
    /// Names of the fields, in HTTP and in Kafka headers alike (§3).
    public static let parentField = "traceparent"
    public static let stateField = "tracestate"

    /// Bytes of a `tracestate` that is passed on (§3.3.1.5 asks for at least 512).
    private static let longestState = 512
    private static let sampledFlag: UInt8 = 1

    public struct TraceID: Hashable, Sendable, CustomStringConvertible {
        let high: UInt64
        let low: UInt64

        public static func random() -> TraceID {
            let (high, low) = RandomWords.pair()
            return TraceID(high: high, low: low | 1)  // zero is no id (§3.2.2.3)
        }

        /// What samplers compare with their ratio, so that all of them decide alike.
        public var randomness: UInt64 { low }

        public var description: String {
            String(unsafeUninitializedCapacity: 32) { buffer in
                let digits = UnsafeMutableRawBufferPointer(buffer)
                HexDigits.write(high, into: digits, at: 0)
                HexDigits.write(low, into: digits, at: 16)
                return 32
            }
        }
    }

    public struct SpanID: Hashable, Sendable, CustomStringConvertible {
        let number: UInt64

        public static func random() -> SpanID { SpanID(number: RandomWords.pair().0 | 1) }

        public var description: String {
            String(unsafeUninitializedCapacity: 16) { buffer in
                HexDigits.write(number, into: UnsafeMutableRawBufferPointer(buffer), at: 0)
                return 16
            }
        }
    }

    public let traceID: TraceID
    public let spanID: SpanID
    /// As they came; only the first bit has a meaning.
    public let flags: UInt8
    /// What other vendors pass on along with it.
    public let state: String?

    /// Whether whoever called has recorded it, and wants it recorded.
    public var isSampled: Bool { flags & Self.sampledFlag != 0 }

    /// The beginning of a trace.
    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.init(
            traceID: traceID, spanID: spanID, flags: isSampled ? Self.sampledFlag : 0, state: nil)
    }

    /// What a span of this trace passes on; whether the trace is sampled has been decided (§3.2.2.5.1).
    public func child(_ spanID: SpanID) -> TraceContext {
        TraceContext(traceID: traceID, spanID: spanID, flags: flags, state: state)
    }

    private init(traceID: TraceID, spanID: SpanID, flags: UInt8, state: String?) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.state = state
    }

    /// Reads `traceparent`, of this or a later version (§3.2, §4.3); nil when it is none, and then `tracestate` does not
    /// count either.
    public init?(parent: String, state: String? = nil) {
        let bytes = Array(parent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = HexDigits.number(bytes[0..<2]), version != 0xff,
            bytes.count == 55 || version > 0 && bytes[55] == dash,
            let high = HexDigits.number(bytes[3..<19]), let low = HexDigits.number(bytes[19..<35]),
            high | low != 0, let span = HexDigits.number(bytes[36..<52]), span != 0,
            let flags = HexDigits.number(bytes[53..<55])
        else { return nil }
        traceID = TraceID(high: high, low: low)
        spanID = SpanID(number: span)
        // Of a later version only the known bit may be passed on as version 0 (§4.3).
        self.flags = UInt8(truncatingIfNeeded: flags) & (version == 0 ? 0xff : Self.sampledFlag)
        self.state = state.flatMap { Self.isPassedOn($0) ? $0 : nil }
    }

    /// Reads both fields.
    ///
    /// - Parameter field: looks one up by its name.
    public init?(_ field: (String) -> String?) {
        guard let parent = field(Self.parentField) else { return nil }
        self.init(parent: parent, state: field(Self.stateField))
    }

    /// The value of `traceparent`, version 00.
    public var parent: String {
        String(unsafeUninitializedCapacity: 55) { buffer in
            let digits = UnsafeMutableRawBufferPointer(buffer)
            digits.copyBytes(from: "00-".utf8)
            HexDigits.write(traceID.high, into: digits, at: 3)
            HexDigits.write(traceID.low, into: digits, at: 19)
            digits[35] = UInt8(ascii: "-")
            HexDigits.write(spanID.number, into: digits, at: 36)
            digits[52] = UInt8(ascii: "-")
            HexDigits.write(UInt64(flags), count: 2, into: digits, at: 53)
            return 55
        }
    }

    /// As header fields.
    public var fields: [(name: String, value: String)] {
        [(Self.parentField, parent)] + (state.map { [(Self.stateField, $0)] } ?? [])
    }

    private static func isPassedOn(_ state: String) -> Bool {
        (1...longestState).contains(state.utf8.count)
            && state.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
    }
}
