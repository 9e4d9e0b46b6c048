import NIOCore
import RawJSON
import Testing

private func validate(_ text: String, maxDepth: Int = 64) throws(JSONSyntaxError) -> JSONKind {
    try RawJSON.validate(ByteBuffer(string: text), maxDepth: maxDepth)
}

@Suite struct ValidationTests {
    @Test(arguments: [
        ("{}", JSONKind.object), (" [1, 2.5e-3, -0, {\"a\":[]}]\n", .array), ("\"a\\u00e9\\n€𝄞\"", .string),
        ("-12.0E+2", .number), ("true", .bool), ("false", .bool), ("null", .null), ("0", .number),
        ("\"\\ud800\"", .string), ("{\"a\":1,\"a\":2}", .object),
    ])
    func accepts(text: String, kind: JSONKind) throws {
        #expect(try validate(text) == kind)
    }

    @Test(arguments: [
        ("", JSONSyntaxError.Reason.empty, 0), ("  ", .empty, 2), ("{", .unexpectedEnd, 1),
        ("[1,]", .unexpectedByte, 3),
        ("{\"a\" 1}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1), ("{\"a\":1,}", .unexpectedByte, 7),
        ("tru", .unexpectedEnd, 3), ("nul1", .unexpectedByte, 3), ("01", .invalidNumber, 0),
        ("-", .invalidNumber, 0),
        ("1.", .invalidNumber, 0), ("1e", .invalidNumber, 0), (".5", .unexpectedByte, 0),
        ("+1", .unexpectedByte, 0),
        ("NaN", .unexpectedByte, 0), ("\"abc", .unexpectedEnd, 4), ("\"a\u{01}\"", .controlCharacter, 2),
        ("\"\\x\"", .invalidEscape, 1), ("\"\\u12g4\"", .invalidEscape, 1), ("{} {}", .trailingBytes, 3),
        ("\u{FEFF}{}", .unexpectedByte, 0), ("'a'", .unexpectedByte, 0), ("[1 2]", .unexpectedByte, 3),
    ])
    func refuses(text: String, reason: JSONSyntaxError.Reason, offset: Int) {
        #expect(throws: JSONSyntaxError.self) { try validate(text) }
        do throws(JSONSyntaxError) {
            _ = try validate(text)
        } catch {
            #expect(error.reason == reason)
            #expect(error.offset == offset)
        }
    }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xFF], [0xE2, 0x82],
            [0xE2, 0x28, 0xA1],
        ] as [[UInt8]])
    func refusesWrongUTF8(bytes: [UInt8]) {
        let text = ByteBuffer(bytes: [0x22] + bytes + [0x22])
        #expect(throws: JSONSyntaxError.self) { try RawJSON.validate(text) }
    }

    @Test func depthIsBoundedBeforeTheStackIs() throws {
        let nested = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        do throws(JSONSyntaxError) {
            _ = try validate(nested)
            Issue.record("10,000 levels were accepted")
        } catch {
            #expect(error == JSONSyntaxErrorProbe.tooDeep(at: 64))
        }
        #expect(try validate(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == .array)
    }

    @Test(arguments: 0..<24) func everyByteOfAWordIsLookedAt(position: Int) {
        for special in ["\u{1F}", "\""] {
            var text = String(repeating: "x", count: 24)
            let index = text.index(text.startIndex, offsetBy: position)
            text.replaceSubrange(index...index, with: special)
            #expect(throws: JSONSyntaxError.self) { try validate("\"" + text + "\"") }
        }
    }
}

private enum JSONSyntaxErrorProbe {
    static func tooDeep(at offset: Int) -> JSONSyntaxError? {
        do throws(JSONSyntaxError) {
            _ = try validate(String(repeating: "[", count: offset + 1), maxDepth: offset)
            return nil
        } catch {
            return error.offset == offset && error.reason == .tooDeep ? error : nil
        }
    }
}

@Suite struct SlicingTests {
    @Test func membersKeepTheirBytesAndOrder() throws {
        let text = ByteBuffer(
            string: " { \"b\" : {\"x\": 1.0} , \"a\":[ 1,2 ],\"n\\u0061me\":\"\\/é\", \"a\": true } ")
        let object = try RawJSON.object(text)
        #expect(object.members.map(\.key) == ["b", "a", "name", "a"])
        #expect(
            object.members.map { String(buffer: $0.value) } == [
                "{\"x\": 1.0}", "[ 1,2 ]", "\"\\/é\"", "true",
            ])
        #expect(object["name"]?.string == "/é")
        #expect(object["a"]?.bool == true)
        #expect(object["missing"] == nil)
    }

    @Test func aSliceIsSlicedRelativeToItsReader() throws {
        var text = ByteBuffer(string: "xxxx{\"id\":42}")
        text.moveReaderIndex(forwardBy: 4)
        #expect(try RawJSON.object(text)["id"]?.integer == 42)
    }

    @Test func itemsOfAnArray() throws {
        let items = try RawJSON.array(ByteBuffer(string: "[\"message\", 1 ,{\"a\": null},[]]"))
        #expect(items.map { String(buffer: $0.text) } == ["\"message\"", "1", "{\"a\": null}", "[]"])
        #expect(items.map(\.kind) == [.string, .number, .object, .array])
        #expect(try RawJSON.array(ByteBuffer(string: "[ ]")).isEmpty)
    }

    @Test(arguments: ["[1]", "1", "\"{}\"", "{\"a\":}", "{} x", ""]) func onlyOneObjectIsAnObject(
        text: String
    ) {
        #expect(throws: JSONSyntaxError.self) { try RawJSON.object(ByteBuffer(string: text)) }
    }

    @Test func numbersThatAreNoIntegers() throws {
        let object = try RawJSON.object(
            ByteBuffer(string: "{\"a\":1.5,\"b\":1e3,\"c\":99999999999999999999,\"d\":-7}"))
        #expect(object["a"]?.integer == nil)
        #expect(object["b"]?.integer == nil)
        #expect(object["c"]?.integer == nil)
        #expect(object["d"]?.integer == -7)
    }
}

@Suite struct TextTests {
    @Test(arguments: ["", "plain", "a\"b\\c/d", "\u{0}\u{1F}\n\r\t", "é€𝄞", "</script>"])
    func aStringSurvivesQuotingAndDecoding(text: String) throws {
        var buffer = ByteBuffer()
        buffer.writeJSONString(text)
        #expect(try RawJSON.validate(buffer) == .string)
        #expect(buffer.decodedJSONString() == text)
    }

    @Test(arguments: 0...20) func whatIsEscapedIsFoundAtEachPlace(position: Int) {
        for (special, escaped) in [("\"", #"\""#), ("\\", #"\\"#), ("\u{1F}", #"\u001f"#), ("é", "é")] {
            for length in position...20 {
                let head = String(repeating: "x", count: position)
                let tail = String(repeating: "y", count: length - position)
                var buffer = ByteBuffer()
                buffer.writeJSONString(head + special + tail + special)
                #expect(String(buffer: buffer) == "\"" + head + escaped + tail + escaped + "\"")
            }
        }
    }

    @Test func escapesDecode() {
        #expect(ByteBuffer(string: #""\u0041\ud834\udd1e\/\b\f""#).decodedJSONString() == "A𝄞/\u{8}\u{c}")
        #expect(ByteBuffer(string: #""\ud834x\udd1e""#).decodedJSONString() == "\u{FFFD}x\u{FFFD}")
        #expect(ByteBuffer(string: "12").decodedJSONString() == nil)
        #expect(ByteBuffer(string: "\"abc").decodedJSONString() == nil)
    }

    @Test func wrongUTF8IsNotQuoted() {
        var buffer = ByteBuffer()
        let refused = buffer.writeJSONString(utf8: ByteBuffer(bytes: [0x61, 0xFF]))
        #expect(!refused)
        #expect(buffer.readableBytes == 0)
        let quoted = buffer.writeJSONString(utf8: ByteBuffer(string: "a\"b"))
        #expect(quoted)
        #expect(String(buffer: buffer) == #""a\"b""#)
    }

    @Test func trimmingKeepsTheValue() {
        #expect(
            String(buffer: RawJSON.trimmed(ByteBuffer(string: " \n\t{ \"a\": 1 }\r\n"))) == "{ \"a\": 1 }")
        #expect(RawJSON.trimmed(ByteBuffer(string: " \n ")).readableBytes == 0)
    }
}
