import NIOCore
import RawJSON

/// Walks through JSON in one pass and notes where card data is: card numbers in any string, number or key, and
/// security codes by the name of their field.
struct CardDataScanner {
    private struct Frame {
        var isObject: Bool
        /// The literal of the member's key, quotes included.
        var key = 0..<0
        var keyHoldsNumber = false
        var keyNamesCode = false
        var awaitsKey: Bool
        var item = 0
    }

    private struct Literal {
        /// Quotes included.
        let range: Range<Int>
        let hasEscapes: Bool
        /// Of those that are not escaped.
        let digits: Int
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private var stack: [Frame] = []
    private let note: (_ scanner: Self, CardData.Kind, _ literal: Range<Int>) -> Bool
    private var goesOn = true

    /// - Parameters:
    ///   - json: one well-formed value.
    ///   - note: called for each place; the scan goes on as long as it says so.
    init(
        _ json: UnsafeRawBufferPointer,
        note: @escaping (_ scanner: Self, CardData.Kind, _ literal: Range<Int>) -> Bool
    ) {
        bytes = json
        self.note = note
    }

    mutating func run() {
        while index < bytes.count, goesOn {
            switch bytes[index] {
            case UInt8(ascii: "{"): stack.append(Frame(isObject: true, awaitsKey: true))
            case UInt8(ascii: "["): stack.append(Frame(isObject: false, awaitsKey: false))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): stack.removeLast()
            case UInt8(ascii: ","):
                stack[stack.count - 1].awaitsKey = stack[stack.count - 1].isObject
                stack[stack.count - 1].item += 1
            case UInt8(ascii: "\""):
                string(literal())
                continue
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                number(token())
                continue
            default: break
            }
            index += 1
        }
    }

    private static var quotes: SIMD16<UInt8> { SIMD16(repeating: 0x22) }
    private static var backslashes: SIMD16<UInt8> { SIMD16(repeating: 0x5C) }
    private static var zeros: SIMD16<UInt8> { SIMD16(repeating: 0x30) }
    private static var ten: SIMD16<UInt8> { SIMD16(repeating: 10) }

    /// The string that begins here.
    private mutating func literal() -> Literal {
        let start = index
        var (digits, hasEscapes) = (0, false)
        index += 1
        while true {
            // Plain text, which is most of a large body, by 16 bytes.
            while index &+ 16 <= bytes.count {
                let text = bytes.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
                // One by one, since the compiler takes the operators that go lane by lane in a longer expression.
                let quotes = text .== Self.quotes
                let backslashes = text .== Self.backslashes
                let ends = unsafeBitCast(quotes .| backslashes, to: SIMD2<UInt64>.self)
                let values = text &- Self.zeros
                let found = unsafeBitCast(values .< Self.ten, to: SIMD2<UInt64>.self)
                // Of the first byte of each kind the lowest bit is the lowest that is set.
                let (low, high) = (UInt64(littleEndian: ends[0]), UInt64(littleEndian: ends[1]))
                var (first, second) = (UInt64(littleEndian: found[0]), UInt64(littleEndian: found[1]))
                if low != 0 { (first, second) = (first & (low & (0 &- low) &- 1), 0) }
                if high != 0 { second &= high & (0 &- high) &- 1 }
                if first | second != 0 {
                    digits &+= (first.nonzeroBitCount &+ second.nonzeroBitCount) &>> 3
                }
                guard low | high == 0 else {
                    index &+= (low != 0 ? low.trailingZeroBitCount : 64 &+ high.trailingZeroBitCount) &>> 3
                    break
                }
                index &+= 16
            }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return Literal(range: start..<index, hasEscapes: hasEscapes, digits: digits)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index += 2
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                index += 1
            default: index += 1
            }
        }
    }

    private mutating func token() -> Range<Int> {
        let start = index
        while index < bytes.count, "+-.eE0123456789".utf8.contains(bytes[index]) { index += 1 }
        return start..<index
    }

    private mutating func string(_ literal: Literal) {
        let holdsNumber =
            (literal.hasEscapes || literal.digits >= CardNumber.shortest)
            && text(literal) { !CardNumber.ranges(in: $0, most: 1).isEmpty }
        let top = stack.count - 1
        guard top < 0 || !stack[top].awaitsKey else {
            stack[top].awaitsKey = false
            stack[top].key = literal.range
            stack[top].keyHoldsNumber = holdsNumber
            stack[top].keyNamesCode =
                Self.mayNameCode(literal.range.count - 2) && text(literal, Self.namesCode)
            if holdsNumber { goesOn = note(self, .numberAsName, literal.range) }
            return
        }
        if holdsNumber {
            goesOn = note(self, .number, literal.range)
        } else if top >= 0, stack[top].keyNamesCode, text(literal, Self.isCode) {
            goesOn = note(self, .securityCode, literal.range)
        }
    }

    private mutating func number(_ token: Range<Int>) {
        let text = UnsafeRawBufferPointer(rebasing: bytes[token])
        if let digits = Self.integerDigits(text), CardNumber.isCardNumber(digits) {
            goesOn = note(self, .number, token)
        } else if let top = stack.last, top.keyNamesCode, Self.isCode(text) {
            goesOn = note(self, .securityCode, token)
        }
    }

    /// What a string says, without a copy unless it has escapes.
    private func text<Result>(_ literal: Literal, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard literal.hasEscapes else {
            return body(UnsafeRawBufferPointer(rebasing: bytes[literal.range.dropFirst().dropLast()]))
        }
        return Array(decoded(literal.range).utf8).withUnsafeBytes(body)
    }

    private func decoded(_ literal: Range<Int>) -> String {
        ByteBuffer(bytes: bytes[literal]).decodedJSONString() ?? ""
    }

    /// Where the scan is, as a JSON Pointer (RFC 6901); it ends above a key with a card number, which it would repeat.
    var pointer: String {
        JSONPointer.text(
            stack.prefix { !$0.isObject || !$0.keyHoldsNumber }
                .map { $0.isObject ? decoded($0.key) : String($0.item) })
    }

    /// Fields of security codes, without regard to case, `_` and `-`.
    private static let codes: Set<String> = ["cvc", "cvc2", "cvv", "cvv2", "securitycode"]

    /// Names with every letter escaped are the longest.
    private static func mayNameCode(_ bytes: Int) -> Bool { (3...100).contains(bytes) }

    private static func namesCode(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.allSatisfy({ $0 < 0x80 }) else {
            let text = String(decoding: name, as: UTF8.self).lowercased()
            return codes.contains(text.filter { $0 != "_" && $0 != "-" })
        }
        // Byte by byte, since almost every key of every body comes by here.
        let letters = name.lazy.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
            .map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return codes.contains { letters.elementsEqual($0.utf8) }
    }

    /// Three or four digits.
    private static func isCode(_ text: UnsafeRawBufferPointer) -> Bool {
        let digits = text.drop { $0 == 0x20 }.prefix { $0 != 0x20 }
        return (3...4).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
            && text[digits.endIndex...].allSatisfy { $0 == 0x20 }
    }

    /// The digits of a number that is whole, however it is written: `4.2e3` is 4200.
    static func integerDigits(_ token: UnsafeRawBufferPointer) -> [UInt8]? {
        var digits: [UInt8] = []
        var point: Int?
        var rest = token[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        while let byte = rest.first, byte | 0x20 != UInt8(ascii: "e") {
            rest.removeFirst()
            if byte == UInt8(ascii: ".") { point = digits.count } else { digits.append(byte - 0x30) }
            // Zeros at either end aside, more digits than these are none of a card.
            guard digits.count <= 64 else { return nil }
        }
        var exponent = 0
        if !rest.isEmpty {
            guard let given = Int(String(decoding: rest.dropFirst(), as: UTF8.self)), abs(given) <= 64 else {
                return nil
            }
            exponent = given
        }
        let whole = (point ?? digits.count) + exponent
        guard (1...128).contains(whole) else { return nil }
        while digits.count < whole { digits.append(0) }
        guard digits[whole...].allSatisfy({ $0 == 0 }) else { return nil }
        return Array(digits[..<whole].drop { $0 == 0 })
    }
}
