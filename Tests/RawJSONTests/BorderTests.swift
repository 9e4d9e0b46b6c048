import RawJSON
import Testing

/// The scanner looks at 8 and 16 bytes at a time: each length, and each place of what is not plain, is one of its cases.
@Suite struct BorderTests {
    private typealias Reason = JSONSyntaxError.Reason

    /// The outcome of a text that is followed in memory by bytes that belong to somebody else.
    private func outcome(
        _ text: [UInt8], before others: String = "", maxDepth: Int = 64
    ) -> Result<JSONKind, JSONSyntaxError> {
        (text + others.utf8).withUnsafeBytes { bytes in
            Result { () throws(JSONSyntaxError) in
                try RawJSON.validate(
                    UnsafeRawBufferPointer(rebasing: bytes[..<text.count]), maxDepth: maxDepth)
            }
        }
    }

    private func fails(_ text: [UInt8], _ reason: Reason, at offset: Int, before others: String = "") -> Bool
    {
        guard case .failure(let error) = outcome(text, before: others) else { return false }
        return error.reason == reason && error.offset == offset
    }

    private func plain(_ count: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "x"), count: count) }

    @Test(arguments: 0...70) func stringsOfEachLength(length: Int) {
        let string = "\"".utf8 + plain(length)
        #expect(outcome(string + "\"".utf8) == .success(.string))
        #expect(outcome("[".utf8 + string + "\",\"\"]".utf8) == .success(.array))
        #expect(outcome("{".utf8 + string + "\":1}".utf8) == .success(.object))
        // The quote behind the end is another's.
        #expect(
            fails(string, .unexpectedEnd, at: length + 1, before: "\"" + String(repeating: " ", count: 20)))
    }

    @Test(arguments: 0...70) func faultsAtEachPlaceOfAString(position: Int) {
        let faults: [(String, Reason)] = [
            ("\u{0}", .controlCharacter), ("\u{1F}", .controlCharacter), ("\\x", .invalidEscape),
            ("\\u12g4", .invalidEscape),
        ]
        for length in position...70 {
            let head = "\"".utf8 + plain(position)
            let tail = plain(length - position) + "\"".utf8
            for (fault, reason) in faults {
                #expect(fails(head + fault.utf8 + tail, reason, at: position + 1))
            }
            for bytes: [UInt8] in [[0x80], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xE2, 0x82]] {
                #expect(fails(head + bytes + tail, .invalidUTF8, at: position + 1))
            }
            // The first of two quotes ends the string.
            #expect(fails(head + "\"".utf8 + tail, .trailingBytes, at: position + 2))
        }
    }

    @Test(arguments: 0...70) func whatIsAllowedAtEachPlaceOfAString(position: Int) {
        for length in position...70 {
            for text in ["\\n", "\\\"", "\\u00e9", "é", "€", "𝄞", "\u{7F}", " "] {
                let string =
                    "\"".utf8 + plain(position) + text.utf8 + plain(length - position) + "\"".utf8
                #expect(outcome(string) == .success(.string))
            }
        }
    }

    @Test(arguments: 1...70) func numbersOfEachLength(length: Int) {
        let digits = Array(repeating: UInt8(ascii: "1"), count: length)
        #expect(outcome(digits, before: "e") == .success(.number))
        #expect(outcome("-0.".utf8 + digits + "e+".utf8 + digits, before: ".") == .success(.number))
        #expect(outcome("[".utf8 + digits + ",".utf8 + digits + "]".utf8) == .success(.array))
        #expect(fails("0".utf8 + digits, .invalidNumber, at: 0))
        #expect(fails(digits + ".".utf8, .invalidNumber, at: 0, before: "1"))
        #expect(fails(digits + "e-".utf8, .invalidNumber, at: 0, before: "1"))
        for position in 1...length {
            for other in ["/", ":", "a", "\u{80}"] {
                var text = digits
                text.insert(contentsOf: other.utf8, at: position)
                #expect(fails(text, .trailingBytes, at: position))
            }
        }
    }

    @Test(arguments: 0...70) func spaceOfEachLength(length: Int) {
        let space = (0..<length).map { Array(" \n\r\t".utf8)[$0 % 4] }
        let tokens = ["{", "\"a\"", ":", "[", "1", ",", "true", "]", "}"]
        let text = space + tokens.flatMap { $0.utf8 + space }
        #expect(outcome(text, before: "x") == .success(.object))
        #expect(fails(space, .empty, at: length, before: "1"))
        #expect(fails(space + [0x0B], .unexpectedByte, at: length))
    }

    @Test(arguments: [1, 63, 64, 65, 127, 128, 129, 200]) func containersOfEachDepth(depth: Int) {
        let open = (0..<depth).map { $0 % 3 == 0 ? "[" : "{\"a\":" }.joined()
        let close = (0..<depth).reversed().map { $0 % 3 == 0 ? "]" : "}" }.joined()
        let text = Array((open + "[]" + close).utf8)
        #expect(outcome(text, maxDepth: depth + 1) == .success(.array))
        guard case .failure(let error) = outcome(text, maxDepth: depth) else {
            Issue.record("one level too many is accepted")
            return
        }
        #expect(error.reason == .tooDeep && error.offset == open.utf8.count)
        for index in close.utf8.indices {
            // Another bracket in its place is seen where it is.
            var bytes = Array((open + "[]" + close).utf8)
            let offset = open.utf8.count + 2 + close.utf8.distance(from: close.startIndex, to: index)
            bytes[offset] = bytes[offset] == UInt8(ascii: "]") ? UInt8(ascii: "}") : UInt8(ascii: "]")
            guard case .failure(let error) = outcome(bytes, maxDepth: depth + 1) else {
                Issue.record("a wrong bracket is accepted")
                continue
            }
            #expect(error.reason == .unexpectedByte && error.offset == offset)
        }
    }
}
