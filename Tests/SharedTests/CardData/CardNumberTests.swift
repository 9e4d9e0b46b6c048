import Shared
import Testing

/// The numbers are those that payment providers publish for tests.
@Suite struct CardNumberTests {
    @Test(arguments: [
        "4242424242424242", "4000056655665556", "4222222222222", "5555555555554444", "2223003122003222",
        "5200828282828210", "378282246310005", "371449635398431", "6011111111111117", "3056930009020004",
        "36227206271667", "30569309025904", "38520000023237", "3566002020360505", "6200000000000005",
        "6304000000000000", "2201382000000013", "6205500000000000004",
    ])
    func numbersOfIssuers(number: String) {
        #expect(CardNumber.isIn(number))
        #expect(CardNumber.isIn(number.map(String.init).joined(separator: " ")))
        #expect(CardNumber.isIn("card:\(number), please"))
        #expect(!CardNumber.isIn("id_\(number)"))
        let last = number.last?.wholeNumberValue ?? 0
        #expect(!CardNumber.isIn("\(number.dropLast())\((last + 1) % 10)"))
        #expect(CardNumber.masked("<\(number)>") == "<\(String(repeating: "*", count: number.count))>")
    }

    @Test(arguments: [
        ("4242424242424242.4000056655665556", "****************.****************"),
        ("1.4000056655665556", "1.4000056655665556"),
        ("4242 4242 4242 4242 42222 2222 2222", "**** **** **** **** ***** **** ****"),
        ("42222 2222 2222 4242 4242 4242 4242", "***** **** **** **** **** **** ****"),
    ])
    func whatIsMaskedHidesNoOther(text: String, masked: String) {
        #expect(CardNumber.masked(text) == masked)
        #expect(!CardNumber.isIn(masked) || masked == text)
    }

    @Test(arguments: [
        "4242 4242 4242 4242", "4242-4242-4242-4242", "3782 822463 10005", "4242 - 4242 - 4242 - 4242",
        "4242424242424242 12/29", "exp 12 29 card 4242 4242 4242 4242 123", "4242424242424242 123",
        "12 4242424242424242", "7 4242 4242 4242 4242 7", "卡号4242424242424242", "4242424242424242.",
        ";4242424242424242=29121010000000000000?", "%4242424242424242^", "4242424242424242.00",
        "1234567890123456 4242424242424242", "4242 4242 4242 4241 4242 4242 4242 4242",
    ])
    func numbersAmongOtherText(text: String) {
        #expect(CardNumber.isIn(text))
        #expect(!CardNumber.isIn(CardNumber.masked(text)))
    }

    @Test(arguments: [
        "", "pi_4242424242424242x", "pi_4242424242424242", "4242424242424242x", "ch4242424242424242",
        // No issuer, although Luhn's test is passed.
        "1700000000006", "1732544791009", "9999999999999995", "7992739871300000",
        // Too long to be one, and not to be cut.
        "42424242424242424242", "424242424242424242424242424242424242",
        "41111111-1111-1111-1111-111111111111", "a2345678-4242-4242-4242-424242424242",
        "41111111-1111-1114-abcd-111111111111",
        "+4222222222222", "+378282246310005", "0.4242424242424242", "3.4242424242424242",
        "DE12 5424 0000 0000 0015 00", "DE12542400000000001500",
        "2024-01-01 2024-12-31", "2024-11-25 14:26:56", "4242/4242/4242/4242", "4242    4242    4242    4242",
    ])
    func whatOnlyLooksLikeOne(text: String) {
        #expect(!CardNumber.isIn(text))
        #expect(CardNumber.masked(text) == text)
    }

    @Test func noTimestampIsOne() {
        // Until May 2033, in milliseconds, microseconds and nanoseconds.
        for step in stride(from: 1_000_000_000_000, to: 2_000_000_000_000, by: 999_999_937) {
            for scale in [1, 1000, 1_000_000] { #expect(!CardNumber.isIn(String(step * scale + 7))) }
        }
    }

    @Test func onlyTheDigitsOfNumbersAreMasked() {
        #expect(
            CardNumber.masked("12 cards: 4242-4242-4242-4242 and 378282246310005!")
                == "12 cards: ****-****-****-**** and ***************!")
    }

    @Test func manyGroupsOfDigitsTakeNoLongTime() {
        let text = String(repeating: "1234 ", count: 20_000)
        #expect(!CardNumber.isIn(text))
    }
}
