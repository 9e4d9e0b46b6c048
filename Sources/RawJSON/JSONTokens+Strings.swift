extension JSONTokens {
    /// A string that begins with the quote there.
    @inline(__always)
    func endOfString(_ start: Int) throws(JSONSyntaxError) -> Int {
        let end = endOfPlainText(start &+ 1)
        if has(UInt8(ascii: "\""), at: end) { return end &+ 1 }
        return try endOfOtherText(end)
    }

    /// The rest of a string, from something that is no plain text.
    @inline(never)
    private func endOfOtherText(_ start: Int) throws(JSONSyntaxError) -> Int {
        var index = start
        while true {
            let byte = try byte(at: index)
            switch byte {
            case UInt8(ascii: "\""): return index &+ 1
            case UInt8(ascii: "\\"): index = try endOfEscape(index)
            case 0..<0x20: throw error(.controlCharacter, at: index)
            case 0x80...: index = try endOfMultibyteScalar(index, byte)
            default: index = endOfPlainText(index)
            }
        }
    }

    private static var quotes: SIMD16<Int8> { SIMD16(repeating: 0x22) }
    private static var backslashes: SIMD16<Int8> { SIMD16(repeating: 0x5C) }
    private static var spaces: SIMD16<Int8> { SIMD16(repeating: 0x20) }

    /// ASCII text that needs no second look: string contents are most of a payload.
    @inline(__always)
    private func endOfPlainText(_ start: Int) -> Int {
        var index = start
        while index &+ 16 <= bytes.count {
            let text = bytes.loadUnaligned(fromByteOffset: index, as: SIMD16<Int8>.self)
            // One by one, since the compiler takes the operators that go lane by lane in a longer expression.
            let quotes = text .== Self.quotes
            let backslashes = text .== Self.backslashes
            // As signed numbers, control characters and what is not ASCII are below the space.
            let others = text .< Self.spaces
            let words = unsafeBitCast(quotes .| backslashes .| others, to: SIMD2<UInt64>.self)
            let low = UInt64(littleEndian: words[0])
            if low != 0 { return index &+ low.trailingZeroBitCount &>> 3 }
            let high = UInt64(littleEndian: words[1])
            if high != 0 { return index &+ 8 &+ high.trailingZeroBitCount &>> 3 }
            index &+= 16
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { break }
            index &+= 1
        }
        return index
    }

    @inline(__always)
    private func endOfEscape(_ start: Int) throws(JSONSyntaxError) -> Int {
        switch try byte(at: start &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start &+ 2
        case UInt8(ascii: "u"):
            for index in start &+ 2..<start &+ 6 where hexValue(try byte(at: index)) == nil {
                throw error(.invalidEscape, at: start)
            }
            return start &+ 6
        default:
            throw error(.invalidEscape, at: start)
        }
    }

    /// One scalar of two to four bytes.
    @inline(__always)
    private func endOfMultibyteScalar(_ start: Int, _ first: UInt8) throws(JSONSyntaxError) -> Int {
        guard let lead = UTF8Lead(first) else { throw error(.invalidUTF8, at: start) }
        let end = start &+ 1 &+ Int(lead.following)
        guard end <= bytes.count, lead.next.contains(bytes[start &+ 1]) else {
            throw error(.invalidUTF8, at: start)
        }
        var index = start &+ 2
        while index < end {
            guard bytes[index] & 0xC0 == 0x80 else { throw error(.invalidUTF8, at: start) }
            index &+= 1
        }
        return end
    }
}

/// The value of an ASCII hexadecimal digit.
func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}
