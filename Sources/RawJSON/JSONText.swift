public import NIOCore

extension ByteBuffer {
    /// Decodes the readable bytes as one JSON string literal, quotes included (RFC 8259 §7).
    ///
    /// A lone surrogate escape becomes U+FFFD. Returns nil when the bytes are no well-formed string.
    public func decodedJSONString() -> String? {
        guard let kind = try? RawJSON.validate(self), kind == .string else { return nil }
        return RawJSON.trimmed(self).decodedStringLiteral()
    }

    /// Decodes what a scan has found to be a string literal, quotes included.
    func decodedStringLiteral() -> String {
        let plain = withUnsafeReadableBytes { literal in
            let body = literal[1..<literal.count - 1]
            return body.contains(UInt8(ascii: "\\")) ? nil : String(decoding: body, as: UTF8.self)
        }
        return plain ?? unescaped()
    }

    private func unescaped() -> String {
        let body = readableBytesView.dropFirst().dropLast()
        var units: [UInt8] = []
        units.reserveCapacity(body.count)
        var rest = body
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                units.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"): units.append(contentsOf: Self.scalar(&rest).utf8)
            default: units.append(escaped)
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// Reads the digits after `\u`, and the low half of a surrogate pair when one follows.
    private static func scalar(_ rest: inout ByteBufferView) -> Character {
        let high = codeUnit(&rest)
        if let scalar = Unicode.Scalar(high) { return Character(scalar) }
        guard (0xD800...0xDBFF).contains(high), rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")])
        else { return "\u{FFFD}" }
        var ahead = rest.dropFirst(2)
        let low = codeUnit(&ahead)
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        else { return "\u{FFFD}" }
        rest = ahead
        return Character(scalar)
    }

    private static func codeUnit(_ rest: inout ByteBufferView) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 { unit = unit << 4 | (rest.popFirst().flatMap(hexValue) ?? 0) }
        return unit
    }

    /// Appends `text` as a JSON string literal. Escapes only what RFC 8259 §7 requires (so not `/`).
    public mutating func writeJSONString(_ text: String) {
        var text = text
        text.withUTF8 { writeQuoted(UnsafeRawBufferPointer($0)) }
    }

    /// Appends valid UTF-8 as a JSON string literal.
    ///
    /// - Returns: false, with nothing appended, when `text` is not valid UTF-8.
    public mutating func writeJSONString(utf8 text: ByteBuffer) -> Bool {
        guard String(validating: text.readableBytesView, as: UTF8.self) != nil else { return false }
        text.withUnsafeReadableBytes { writeQuoted($0) }
        return true
    }

    private mutating func writeQuoted(_ bytes: UnsafeRawBufferPointer) {
        // What has nothing to escape, as most texts, needs no more room than this.
        reserveCapacity(minimumWritableBytes: bytes.count + 2)
        writeInteger(UInt8(ascii: "\""))
        writeEscaped(bytes)
        writeInteger(UInt8(ascii: "\""))
    }

    /// The place of the first byte from there on that has to be escaped, or the end.
    private static func firstToEscape(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var index = start
        while index &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let (quote, backslash) = (word ^ ones &* 0x22, word ^ ones &* 0x5C)
            // A difference may borrow, but only from above the first byte that is found.
            let control = (word &- ones &* 0x20) & ~word
            let found = (control | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash) & highs
            if found != 0 { return index &+ found.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < bytes.count, bytes[index] >= 0x20, bytes[index] != 0x22, bytes[index] != 0x5C {
            index &+= 1
        }
        return index
    }

    private mutating func writeEscaped(_ bytes: UnsafeRawBufferPointer) {
        var clean = 0
        while true {
            let index = Self.firstToEscape(in: bytes, from: clean)
            writeBytes(UnsafeRawBufferPointer(rebasing: bytes[clean..<index]))
            guard index < bytes.count else { return }
            clean = index + 1
            let byte = bytes[index]
            switch byte {
            case 0x22: writeStaticString("\\\"")
            case 0x5C: writeStaticString("\\\\")
            case 0x0A: writeStaticString("\\n")
            case 0x0D: writeStaticString("\\r")
            case 0x09: writeStaticString("\\t")
            default:
                let digits = String(byte, radix: 16)
                writeString("\\u00" + (digits.count < 2 ? "0" : "") + digits)
            }
        }
    }
}
