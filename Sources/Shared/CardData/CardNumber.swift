/// Finds card numbers (ISO/IEC 7812-1: 13 to 19 digits here) in text, also with spaces or hyphens between the digits.
///
/// Digits that touch a letter or an underscore are part of an identifier (`pi_4242424242424242x`), digits behind a `+`
/// are a phone number, and those behind a decimal point a fraction.
public enum CardNumber {
    static let shortest = 13
    static let longest = 19
    /// How people and cards group the digits. Groups like these are found among other numbers.
    private static let layouts = [
        [4, 4, 4, 4, 3], [4, 4, 4, 4], [4, 6, 5], [4, 6, 4], [4, 3, 3, 3], [6, 13],
    ]
    /// The most spaces and hyphens between two groups.
    private static let widestGap = 3

    /// Whether these digits, each 0 to 9, have an issuer's first digits and length, and the right last digit.
    public static func isCardNumber(_ digits: [UInt8]) -> Bool {
        guard (shortest...longest).contains(digits.count), passesLuhn(digits) else { return false }
        return CardIssuer.known.contains { $0.issues(digits) }
    }

    /// Luhn's test (ISO/IEC 7812-1, annex B).
    private static func passesLuhn(_ digits: [UInt8]) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let weighted = Int(digit) * (place % 2 == 0 ? 1 : 2)
            sum += weighted > 9 ? weighted - 9 : weighted
        }
        return sum % 10 == 0
    }

    public static func isIn(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { !ranges(in: UnsafeRawBufferPointer($0), most: 1).isEmpty }
    }

    /// The text with each digit of a card number as `*`.
    public static func masked(_ text: String) -> String {
        guard isIn(text) else { return text }
        var bytes = Array(text.utf8)
        mask(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Makes each digit of a card number a `*`.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public static func mask(_ bytes: inout [UInt8]) -> Bool {
        let found = bytes.withUnsafeBytes { ranges(in: $0) }
        for index in found.joined() where isDigit(bytes[index]) { bytes[index] = UInt8(ascii: "*") }
        return !found.isEmpty
    }

    /// Where card numbers are, from the first digit to the last.
    ///
    /// - Parameter most: how many are wanted.
    public static func ranges(in bytes: UnsafeRawBufferPointer, most: Int = .max) -> [Range<Int>] {
        // Most texts have too few digits for one.
        guard bytes.count >= shortest, bytes.count(where: isDigit) >= shortest else { return [] }
        var found: [Range<Int>] = []
        var groups: [Range<Int>] = []
        var index = 0
        while index < bytes.count, found.count < most {
            guard isDigit(bytes[index]) else {
                index += 1
                continue
            }
            groups.removeAll(keepingCapacity: true)
            index = readRun(bytes, from: index, into: &groups)
            find(in: bytes, groups, most: most, &found)
        }
        return found
    }

    /// Reads groups of digits that only spaces and hyphens part; the index behind the last of them.
    private static func readRun(
        _ bytes: UnsafeRawBufferPointer, from start: Int, into groups: inout [Range<Int>]
    ) -> Int {
        var end = start
        var next = start
        while next < bytes.count, isDigit(bytes[next]) {
            end = next
            while end < bytes.count, isDigit(bytes[end]) { end += 1 }
            groups.append(next..<end)
            next = end
            while next < bytes.count, next - end < widestGap, isGap(bytes[next]) { next += 1 }
        }
        return end
    }

    private static func find(
        in bytes: UnsafeRawBufferPointer, _ groups: [Range<Int>], most: Int, _ found: inout [Range<Int>]
    ) {
        var rest = groups[...]
        while !rest.isEmpty, found.count < most {
            if let range = whole(rest, in: bytes, behind: found.last) { return found.append(range) }
            guard let window = firstWindow(rest, in: bytes, behind: found.last) else { return }
            // What is beside a number is looked at by itself, as it stands there once the number is masked.
            if let range = whole(rest[..<window.lowerBound], in: bytes, behind: found.last) {
                found.append(range)
            }
            found.append(rest[window.lowerBound].lowerBound..<rest[window.upperBound - 1].upperBound)
            rest = rest[window.upperBound...]
        }
    }

    private static func isNumber(_ groups: ArraySlice<Range<Int>>, in bytes: UnsafeRawBufferPointer) -> Bool {
        isCardNumber(groups.joined().map { bytes[$0] - UInt8(ascii: "0") })
    }

    /// All groups as one number.
    private static func whole(
        _ groups: ArraySlice<Range<Int>>, in bytes: UnsafeRawBufferPointer, behind last: Range<Int>?
    ) -> Range<Int>? {
        guard let start = groups.first?.lowerBound, let end = groups.last?.upperBound,
            groups.count <= longest, (shortest...longest).contains(groups.reduce(0) { $0 + $1.count }),
            isOpen(groups, in: bytes), !isHyphened(bytes, start, end),
            !touchesWord(bytes, before: start, behind: last), !touchesWord(bytes, at: end),
            isNumber(groups, in: bytes)
        else { return nil }
        return start..<end
    }

    /// The first groups among others that are a number.
    private static func firstWindow(
        _ groups: ArraySlice<Range<Int>>, in bytes: UnsafeRawBufferPointer, behind last: Range<Int>?
    ) -> Range<Int>? {
        guard let start = groups.first?.lowerBound, let end = groups.last?.upperBound,
            isOpen(groups, in: bytes)
        else { return nil }
        let opens = !touchesWord(bytes, before: start, behind: last)
        let closes = !touchesWord(bytes, at: end)
        for first in groups.indices {
            let window = windows(groups, from: first).first { window in
                (opens || window.lowerBound > groups.startIndex)
                    && (closes || window.upperBound < groups.endIndex)
                    && isNumber(groups[window], in: bytes)
            }
            if let window { return window }
        }
        return nil
    }

    /// Neither a phone number nor a bank account.
    private static func isOpen(_ groups: ArraySlice<Range<Int>>, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = groups.first, !isBankAccount(bytes, first) else { return false }
        guard first.lowerBound > 0, bytes[first.lowerBound - 1] == UInt8(ascii: "+") else { return true }
        return groups.prefix(16).reduce(0) { $0 + $1.count } > 15
    }

    /// The groups from there on that look like a card number on their own, in one way or another.
    private static func windows(_ groups: ArraySlice<Range<Int>>, from first: Int) -> [Range<Int>] {
        if (shortest...longest).contains(groups[first].count) { return [first..<first + 1] }
        var windows: [Range<Int>] = []
        for layout in layouts where first + layout.count <= groups.endIndex {
            var place = 0
            while place < layout.count, groups[first + place].count == layout[place] { place += 1 }
            if place == layout.count { windows.append(first..<first + place) }
        }
        return windows
    }

    /// Letters, a hyphen, digits, or the other way round, such as the parts of a UUID.
    private static func isHyphened(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        let hyphen = UInt8(ascii: "-")
        return start > 1 && bytes[start - 1] == hyphen && isWord(bytes[start - 2])
            || end + 1 < bytes.count && bytes[end] == hyphen && isWord(bytes[end + 1])
    }

    /// An IBAN in print: `DE89 3704 …` (ISO 13616-1).
    private static func isBankAccount(_ bytes: UnsafeRawBufferPointer, _ first: Range<Int>) -> Bool {
        let start = first.lowerBound
        guard first.count == 2, start >= 2 else { return false }
        return isLetter(bytes[start - 1]) && isLetter(bytes[start - 2])
            && (start == 2 || !isWord(bytes[start - 3]))
    }

    /// - Parameter last: the card number before; what stands behind a point and one is no fraction.
    private static func touchesWord(
        _ bytes: UnsafeRawBufferPointer, before start: Int, behind last: Range<Int>?
    ) -> Bool {
        guard start > 0 else { return false }
        if bytes[start - 1] == UInt8(ascii: "."), start > 1 {
            return isDigit(bytes[start - 2]) && last?.upperBound != start - 1
        }
        return isWord(bytes[start - 1])
    }

    private static func touchesWord(_ bytes: UnsafeRawBufferPointer, at end: Int) -> Bool {
        end < bytes.count && isWord(bytes[end])
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isGap(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-")
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    /// Of ASCII only: where words have no spaces between them a number follows a letter directly.
    private static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || byte == UInt8(ascii: "_") }
}
