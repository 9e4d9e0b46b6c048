import NIOCore
import RawJSON
import Testing

@testable import Shared

@Suite struct CardDataTests {
    private func findings(_ json: String) -> [CardData.Finding] {
        CardData.findings(in: ByteBuffer(string: json))
    }

    private func masked(_ json: String) -> String {
        String(buffer: CardData.masked(ByteBuffer(string: json)))
    }

    @Test(
        arguments: [
            (#"{"a":"4242424242424242"}"#, "/a"), (#"{"a":4242424242424242}"#, "/a"),
            (#"{"a":[1,{"b":["x","4242 4242 4242 4242"]}]}"#, "/a/1/b/1"),
            (#"{"a":{},"b":[[],[ 4242424242424242 ]]}"#, "/b/1/0"),
            (#"{"a/b~c":{"\u0064":"4242-4242-4242-4242"}}"#, "/a~1b~0c/d"),
            (#"{"a":"\u0034242424242424242"}"#, "/a"), (#"{"a":"4242\u00204242 4242 4242"}"#, "/a"),
            (#"{"a":"\"4242424242424242\""}"#, "/a"), (#"{"a":-4242424242424242}"#, "/a"),
            (#"{"a":4242424242424242.0}"#, "/a"), (#"{"a":4.242424242424242E15}"#, "/a"),
            (#"{"a":42424242424242420e-1}"#, "/a"), (#"{"a":"x","b":[true,null,"4222222222222"]}"#, "/b/2"),
        ])
    func numbersAtAnyDepth(json: String, pointer: String) {
        #expect(findings(json) == [.init(pointer: pointer, kind: .number)])
        #expect(findings(masked(json)).isEmpty)
        #expect((try? RawJSON.validate(ByteBuffer(string: masked(json)))) == .object)
    }

    /// Long texts are looked through in pieces.
    @Test(arguments: 0..<50) func numbersAtAnyPlaceOfALongText(place: Int) {
        let before = String(repeating: "x", count: place)
        let after = String(repeating: "y", count: 50 - place)
        for number in ["4242424242424242", "4222222222222", "4242 4242 4242 4242", "\\u0034242424242424242"] {
            let json = #"{"a":"\#(before) \#(number) \#(after)"}"#
            #expect(findings(json) == [.init(pointer: "/a", kind: .number)], "\(json)")
            #expect(findings(masked(json)).isEmpty)
        }
        // An escaped quote or backslash in any place ends no string.
        let escaped = #"["\#(before)\"\\","4242424242424242\#(after)","4242424242424242"]"#
        #expect(findings(escaped) == [.init(pointer: "/2", kind: .number)])
    }

    @Test func aKeyIsNamedByItsObject() {
        let json = #"{"a":{"4242424242424242":{"b":"5555555555554444"}}}"#
        #expect(
            findings(json) == [
                .init(pointer: "/a", kind: .numberAsName), .init(pointer: "/a", kind: .number),
            ])
        #expect(masked(json) == #"{"a":{"****************":{"b":"****************"}}}"#)
    }

    @Test(arguments: [
        #""currency":"123""#, #""cvv\u0012":"123""#, #""cv":"123""#, #""cvcx":"123""#, #""écvc":"123""#,
        #""-":"123""#, #""securitycode2":"123""#,
    ])
    func otherNames(member: String) { #expect(findings("{\(member)}").isEmpty) }

    @Test(arguments: [
        #""cvc":"123""#, #""CVV":"1234""#, #""cvv2":123"#, #""Cvc2":" 123 ""#, #""security_code":"123""#,
        #""securityCode":1234"#, #""security-code":"123""#, #""\u0063vc":"\u0031\u0032\u0033""#,
    ])
    func securityCodes(member: String) throws {
        let found = findings("{\"card\":{\(member)}}")
        let finding = try #require(found.first)
        #expect(found.count == 1 && finding.kind == .securityCode && finding.pointer.hasPrefix("/card/"))
        #expect(!masked("{\"card\":{\(member)}}").contains("123"))
    }

    @Test(arguments: [
        #"{"cvc":"12"}"#, #"{"cvc":"12345"}"#, #"{"cvc":null}"#, #"{"cvc":{"a":"123"}}"#, #"{"cvc":"pass"}"#,
        #"{"cvc":12}"#, #"{"cvc":12.5}"#, #"{"cvc_check":"123"}"#, #"{"code":"123"}"#,
        #"{"a":"cvc","b":"123"}"#,
        #"{"cvc":["123"]}"#, #"{"a":[1732544791009,1700000000006,"1700000000006"]}"#, #"{"a":1e300}"#,
        #"{"a":0.4242424242424242}"#, #"{"a":4242424242424242.5}"#, #"{"a":42424242424242421e-1}"#,
        #"{"a":0e0,"b":-0,"c":1E-400,"d":1e999999999999999999999}"#, #"{"id":"pi_4242424242424242x"}"#, "{}",
        #"{"a":["4242","4242","4242","4242"]}"#,
    ])
    func whatIsNone(json: String) {
        #expect(findings(json).isEmpty)
        #expect(masked(json) == json)
    }

    @Test func aCodeOfAnotherFieldIsNotMeant() {
        #expect(findings(#"{"cvc":"123","amount":123,"a":{"cvc":[]},"b":456}"#).map(\.pointer) == ["/cvc"])
    }

    @Test func theListIsBounded() {
        let many = "[" + Array(repeating: "4242424242424242", count: 1000).joined(separator: ",") + "]"
        #expect(findings(many).count == 20)
        #expect(!masked(many).contains("4242"))
        let key = String(repeating: "k", count: 5000)
        #expect(findings("{\"\(key)\":{\"a\":4242424242424242,\"b\":4242424242424242}}").count == 1)
    }

    @Test func textThatIsNoJSONIsMaskedAsWell() {
        #expect(masked("card 4242424242424242 {") == "card **************** {")
        let broken = ByteBuffer(bytes: [0xFF, 0x00] + Array("4242424242424242".utf8))
        let stars = [UInt8](repeating: UInt8(ascii: "*"), count: 16)
        #expect(Array(buffer: CardData.masked(broken)) == [0xFF, 0x00] + stars)
    }
}
