public import NIOCore
import RawJSON

/// Card numbers, and the security codes that are printed beside them, in JSON.
public enum CardData {
    public enum Kind: Sendable {
        case number
        /// The key of a member is, or holds, a card number.
        case numberAsName
        case securityCode
    }

    public struct Finding: Sendable, Equatable {
        /// A JSON Pointer (RFC 6901) without card numbers.
        public let pointer: String
        public let kind: Kind
    }

    /// So many, or with so many bytes of pointers, are enough for a client to learn from.
    static let mostFindings = 20
    static let longestPointers = 4096

    /// The first findings.
    ///
    /// - Parameter json: one well-formed value.
    public static func findings(in json: ByteBuffer) -> [Finding] {
        var findings: [Finding] = []
        var pointerBytes = 0
        json.withUnsafeReadableBytes { bytes in
            var scanner = CardDataScanner(bytes) { scanner, kind, _ in
                let finding = Finding(pointer: scanner.pointer, kind: kind)
                if findings.last != finding { findings.append(finding) }
                pointerBytes += finding.pointer.utf8.count
                return findings.count < mostFindings && pointerBytes < longestPointers
            }
            scanner.run()
        }
        return findings
    }

    /// The text with each digit of card data as `*`, or as `9` in a JSON number. Of a text that is no JSON only card
    /// numbers are known.
    public static func masked(_ text: ByteBuffer) -> ByteBuffer {
        var bytes = Array(buffer: text)
        guard (try? RawJSON.validate(text, maxDepth: deepest)) != nil else {
            return CardNumber.mask(&bytes) ? ByteBuffer(bytes: bytes) : text
        }
        var literals: [Range<Int>] = []
        text.withUnsafeReadableBytes { json in
            var scanner = CardDataScanner(json) { _, _, literal in
                literals.append(literal)
                return true
            }
            scanner.run()
        }
        for literal in literals { mask(literal, of: &bytes) }
        return literals.isEmpty ? text : ByteBuffer(bytes: bytes)
    }

    private static let deepest = 512

    private static func mask(_ literal: Range<Int>, of bytes: inout [UInt8]) {
        let isString = bytes[literal.lowerBound] == UInt8(ascii: "\"")
        let star = UInt8(ascii: "*")
        // Digits that are escaped cannot be told apart from others.
        let hidesAll = isString && bytes[literal].contains(UInt8(ascii: "\\"))
        for index in isString ? literal.dropFirst().dropLast() : literal
        where hidesAll || (0x30...0x39).contains(bytes[index]) {
            bytes[index] = isString ? star : UInt8(ascii: "9")
        }
    }
}
