/// A JSON number as it is written, compared exactly: neither large integers nor decimal fractions are rounded.
public struct JSONNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let description: String
    private let isNegative: Bool
    /// Decimal digits (values 0 to 9) without zeros at either end; empty for zero.
    private let digits: [UInt8]
    /// The power of ten of the last digit.
    private let exponent: Int

    /// - Parameter text: a number by the grammar of RFC 8259, §6.
    init(_ text: String) {
        description = text
        var digits: [UInt8] = []
        var exponent = 0
        var isFraction = false
        let mantissa = text.utf8.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
        for byte in mantissa {
            if byte == UInt8(ascii: ".") { isFraction = true }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { continue }
            if isFraction { exponent -= 1 }
            if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte - UInt8(ascii: "0")) }
        }
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        let power = Substring(text.utf8.dropFirst(mantissa.count + 1))
        // What is beyond any use is as good as the largest that can be counted with.
        let limit = 1 << 40
        if !power.isEmpty {
            exponent += max(-limit, min(limit, Int(power) ?? (power.hasPrefix("-") ? -limit : limit)))
        }
        self.digits = digits
        self.exponent = digits.isEmpty ? 0 : exponent
        isNegative = text.hasPrefix("-") && !digits.isEmpty
    }

    /// Whether there is no fraction, so that 1.0 is an integer.
    var isInteger: Bool { exponent >= 0 }

    var isAboveZero: Bool { !isNegative && !digits.isEmpty }

    /// As an `Int`, when it is a whole number from 0 to the largest `Int32`.
    var count: Int? {
        guard isInteger, !isNegative, digits.count + exponent <= 10 else { return nil }
        let value = (digits + Array(repeating: 0, count: exponent)).reduce(0) { $0 * 10 + Int($1) }
        return value <= Int(Int32.max) ? value : nil
    }

    public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        left.isNegative == right.isNegative && left.exponent == right.exponent && left.digits == right.digits
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(isNegative)
        hasher.combine(exponent)
        hasher.combine(digits)
    }

    public static func < (left: JSONNumber, right: JSONNumber) -> Bool {
        guard left.isNegative == right.isNegative else { return left.isNegative }
        return left.isNegative ? isCloserToZero(right, left) : isCloserToZero(left, right)
    }

    private static func isCloserToZero(_ left: JSONNumber, _ right: JSONNumber) -> Bool {
        guard !left.digits.isEmpty, !right.digits.isEmpty else {
            return left.digits.isEmpty && !right.digits.isEmpty
        }
        let (leftSize, rightSize) = (left.digits.count + left.exponent, right.digits.count + right.exponent)
        guard leftSize == rightSize else { return leftSize < rightSize }
        return left.digits.lexicographicallyPrecedes(right.digits)
    }

    /// The digits of a divisor as a number; nil when they do not fit.
    private var significand: UInt64? {
        guard digits.count <= 18 else { return nil }
        return digits.reduce(0) { $0 * 10 + UInt64($1) }
    }

    /// Whether it can be the divisor of ``isMultiple(of:)``.
    var isDivisor: Bool { isAboveZero && significand != nil }

    /// Exactly, whatever the sizes: s·10^e is a multiple of t·10^f when t divides s·10^(e-f).
    func isMultiple(of divisor: JSONNumber) -> Bool {
        guard !digits.isEmpty else { return true }
        guard let t = divisor.significand, t > 0 else { return false }
        let power = exponent - divisor.exponent
        // s does not end with 0, so no power of ten divides it.
        guard power >= 0 else { return false }
        let s = digits.reduce(UInt64(0)) { Self.multiply($0, 10, t, plus: UInt64($1)) }
        var (result, base, rest) = (s % t, 10 % t, power)
        while rest > 0 {
            if rest & 1 == 1 { result = Self.multiply(result, base, t) }
            base = Self.multiply(base, base, t)
            rest >>= 1
        }
        return result == 0
    }

    private static func multiply(_ a: UInt64, _ b: UInt64, _ modulus: UInt64, plus c: UInt64 = 0) -> UInt64 {
        let product = (a % modulus).multipliedFullWidth(by: b % modulus)
        return (modulus.dividingFullWidth(product).remainder + c % modulus) % modulus
    }
}
