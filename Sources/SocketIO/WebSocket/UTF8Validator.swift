/// Checks UTF-8 that arrives in pieces, and refuses the first byte that no continuation could make valid (RFC 3629, §4).
struct UTF8Validator: Equatable {
    /// How many continuation bytes the sequence at hand still lacks.
    private var missing: UInt8 = 0
    /// What the next continuation byte may be: narrower than 80–BF after a lead byte that would otherwise allow
    /// overlong forms, surrogates, or code points above U+10FFFF.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    /// Whether the text could end here.
    var isComplete: Bool { missing == 0 }

    /// False as soon as the text cannot become valid any more.
    mutating func accept(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if missing == 0 {
                index = Self.endOfASCII(bytes, from: index)
                guard index < bytes.count else { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                guard low <= bytes[index], bytes[index] <= high else { return false }
                missing -= 1
                (low, high) = (0x80, 0xBF)
            }
            index += 1
        }
        return true
    }

    /// Takes the lead byte of a sequence of several bytes.
    private mutating func begin(_ lead: UInt8) -> Bool {
        switch lead {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, low) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: missing = 2
        case 0xED: (missing, high) = (2, 0x9F)
        case 0xF0: (missing, low) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, high) = (3, 0x8F)
        default: return false
        }
        return true
    }

    private static func endOfASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }
}
