/// Lower-case hexadecimal digits, as ids on the wire have them.
enum HexDigits {
    /// Nil for what is no lower-case digit.
    static func value(_ digit: UInt8) -> UInt64? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(digit &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(digit &- UInt8(ascii: "a") &+ 10)
        default: nil
        }
    }

    /// The number that all of these write, most significant first; nil for anything else. At most 16 are looked at.
    static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard (1...16).contains(digits.count) else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            guard let value = value(digit) else { return nil }
            number = number << 4 | value
        }
        return number
    }

    /// - Parameters:
    ///   - digits: room for `count` bytes from `start` on.
    ///   - count: at most 16.
    static func write(
        _ number: UInt64, count: Int = 16, into digits: UnsafeMutableRawBufferPointer, at start: Int
    ) {
        for index in 0..<count {
            let nibble = UInt8(truncatingIfNeeded: number &>> UInt64(4 &* (count &- 1 &- index))) & 15
            digits[start + index] =
                nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "a") &+ nibble &- 10
        }
    }
}
