/// Where the tokens of a JSON text end (RFC 8259). Several bytes are looked at in one step; the text may end anywhere.
///
/// Functions take an index into the text and return the one after what they are named for.
struct JSONTokens {
    let bytes: UnsafeRawBufferPointer

    func error(_ reason: JSONSyntaxError.Reason, at offset: Int) -> JSONSyntaxError {
        JSONSyntaxError(reason: reason, offset: offset)
    }

    @inline(__always)
    func has(_ byte: UInt8, at index: Int) -> Bool { index < bytes.count && bytes[index] == byte }

    /// The byte there, which is a fault of the text when there is none.
    @inline(__always)
    func byte(at index: Int) throws(JSONSyntaxError) -> UInt8 {
        guard index < bytes.count else { throw error(.unexpectedEnd, at: index) }
        return bytes[index]
    }

    @inline(__always)
    func end(of byte: UInt8, at index: Int) throws(JSONSyntaxError) -> Int {
        guard try self.byte(at: index) == byte else { throw error(.unexpectedByte, at: index) }
        return index &+ 1
    }

    @inline(__always)
    func endOfSpace(_ start: Int) -> Int {
        // Most texts have none.
        guard start < bytes.count, bytes[start] <= 0x20 else { return start }
        return endOfLongSpace(start)
    }

    @inline(never)
    private func endOfLongSpace(_ start: Int) -> Int {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index &+= 1
            default: return index
            }
        }
        return index
    }

    /// A string, a number, `true`, `false` or `null`.
    @inline(__always)
    func endOfScalar(_ start: Int, _ first: UInt8) throws(JSONSyntaxError) -> (end: Int, kind: JSONKind) {
        switch first {
        case UInt8(ascii: "\""): (try endOfString(start), .string)
        case UInt8(ascii: "-"): (try endOfNumber(start &+ 1, of: start), .number)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): (try endOfNumber(start, of: start), .number)
        case UInt8(ascii: "t"): (try endOfLiteral("true", start), .bool)
        case UInt8(ascii: "f"): (try endOfLiteral("false", start), .bool)
        case UInt8(ascii: "n"): (try endOfLiteral("null", start), .null)
        default: throw error(.unexpectedByte, at: start)
        }
    }

    private func endOfLiteral(_ literal: StaticString, _ start: Int) throws(JSONSyntaxError) -> Int {
        for offset in 0..<literal.utf8CodeUnitCount {
            _ = try end(of: literal.utf8Start[offset], at: start &+ offset)
        }
        return start &+ literal.utf8CodeUnitCount
    }

    /// `"key" :` and the white space around the colon.
    @inline(__always)
    func endOfKey(_ start: Int) throws(JSONSyntaxError) -> Int {
        guard try byte(at: start) == UInt8(ascii: "\"") else { throw error(.unexpectedByte, at: start) }
        return endOfSpace(try end(of: UInt8(ascii: ":"), at: endOfSpace(try endOfString(start))))
    }

    // MARK: - Numbers

    /// - Parameters:
    ///   - first: behind the sign.
    ///   - start: where faults are said to be.
    @inline(__always)
    private func endOfNumber(_ first: Int, of start: Int) throws(JSONSyntaxError) -> Int {
        var index = first
        if has(UInt8(ascii: "0"), at: index) {
            index &+= 1
            guard index >= bytes.count || bytes[index] &- UInt8(ascii: "0") >= 10 else {
                throw error(.invalidNumber, at: start)  // a leading zero
            }
        } else {
            index = try endOfDigits(index, of: start)
        }
        if has(UInt8(ascii: "."), at: index) { index = try endOfDigits(index &+ 1, of: start) }
        guard index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") else { return index }
        index &+= 1
        if has(UInt8(ascii: "+"), at: index) || has(UInt8(ascii: "-"), at: index) { index &+= 1 }
        return try endOfDigits(index, of: start)
    }

    @inline(__always)
    private func endOfDigits(_ first: Int, of start: Int) throws(JSONSyntaxError) -> Int {
        var index = first
        while index &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            // What is a digit is below ten now. A sum may carry, but only above the first byte that is none.
            let values = word ^ 0x3030_3030_3030_3030
            let others = (values &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
            index &+= others.trailingZeroBitCount &>> 3
            guard others == 0 else {
                guard index > first else { throw error(.invalidNumber, at: start) }
                return index
            }
        }
        while index < bytes.count, bytes[index] &- UInt8(ascii: "0") < 10 { index &+= 1 }
        guard index > first else { throw error(.invalidNumber, at: start) }
        return index
    }
}
