import RawJSON

/// Checks UTF-8 that arrives in pieces, and refuses the first byte that no continuation could make valid (RFC 3629, §4).
struct UTF8Validator: Equatable {
    /// How many continuation bytes the sequence at hand still lacks.
    private var missing: UInt8 = 0
    /// What the next continuation byte may be; after some lead bytes that is less than 80–BF.
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
    private mutating func begin(_ byte: UInt8) -> Bool {
        guard let lead = UTF8Lead(byte) else { return false }
        missing = lead.following
        (low, high) = (lead.next.lowerBound, lead.next.upperBound)
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
