import Testing

@testable import SocketIO

@Suite struct UTF8ValidatorTests {
    /// Whether all pieces are accepted, and the text is complete at the end.
    private func isValid(_ bytes: [UInt8], by size: Int) -> Bool {
        var validator = UTF8Validator()
        var rest = bytes[...]
        while !rest.isEmpty {
            let isAccepted = Array(rest.prefix(size)).withUnsafeBytes { validator.accept($0) }
            guard isAccepted else { return false }
            rest = rest.dropFirst(size)
        }
        return validator.isComplete
    }

    /// The standard library's decoder is the reference: all sequences of two bytes, and of four at the borders.
    @Test func agreesWithTheStandardLibrary() {
        let borders: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
            0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var differences: [[UInt8]] = []
        func compare(_ bytes: [UInt8]) {
            let expected = String(validating: bytes, as: UTF8.self) != nil
            if isValid(bytes, by: .max) != expected || isValid(bytes, by: 1) != expected {
                differences.append(bytes)
            }
        }
        for a in UInt8.min ... .max { for b in UInt8.min ... .max { compare([a, b]) } }
        for a in borders {
            for b in borders { for c in borders { for d in borders { compare([a, b, c, d]) } } }
        }
        #expect(differences == [])
    }

    @Test(arguments: [1, 2, 3, 5, 8, 13])
    func readsTextInPieces(_ size: Int) {
        let text = "plain text that is longer than a word, κόσμε, 日本語, 🎉 and \u{10FFFF}"
        #expect(isValid(Array(text.utf8), by: size))
    }

    @Test func refusesAtTheFirstWrongByte() {
        var validator = UTF8Validator()
        let start: [UInt8] = [0xF4]
        let isStartAccepted = start.withUnsafeBytes { validator.accept($0) }
        #expect(isStartAccepted)
        // Above U+10FFFF, whatever may follow.
        let next: [UInt8] = [0x90]
        let isNextAccepted = next.withUnsafeBytes { validator.accept($0) }
        #expect(!isNextAccepted)
    }
}
