import Testing

@testable import JSONSchema

@Suite struct JSONNumberTests {
    @Test(arguments: [
        ("1", "1.0"), ("100", "1e2"), ("0", "-0.000e9"), ("12.50", "125E-1"),
        ("9007199254740993", "9007199254740993.0"),
    ])
    func equalNumbers(_ left: String, _ right: String) { #expect(JSONNumber(left) == JSONNumber(right)) }

    @Test func orders() {
        let ordered = [
            "-1e400", "-9007199254740993", "-9007199254740992", "-1.5", "-1", "-0.1", "0", "1e-400", "0.1",
            "0.11", "1",
            "9.99", "10", "9007199254740992", "9007199254740993", "1e400",
        ].map { JSONNumber($0) }
        for (index, left) in ordered.enumerated() {
            for (other, right) in ordered.enumerated() { #expect((left < right) == (index < other)) }
        }
    }

    @Test(arguments: [
        ("10", "5", true), ("7", "5", false), ("0.0075", "0.0001", true), ("0.00751", "0.0001", false),
        ("4.5", "1.5", true), ("35", "1.5", false), ("1e308", "0.5", true), ("12391239123", "1e-8", true),
        ("0", "3", true), ("-9", "3", true), ("1e999999999999999999", "3", false),
        ("3e999999999999999999", "3", true),
        ("19.99", "0.01", true), ("19.995", "0.01", false), ("0.3", "0.1", true),
        ("1", "1000000000000000003", false),
    ])
    func multiples(_ number: String, _ divisor: String, _ expected: Bool) {
        #expect(JSONNumber(number).isMultiple(of: JSONNumber(divisor)) == expected)
    }

    @Test func wholeNumbers() {
        #expect(JSONNumber("1.0").isInteger)
        #expect(JSONNumber("1e3").isInteger)
        #expect(!JSONNumber("1.5").isInteger)
        #expect(!JSONNumber("1e-3").isInteger)
        #expect(JSONNumber("1.2e1").count == 12)
        #expect(JSONNumber("-1").count == nil)
        #expect(JSONNumber("1e99999").count == nil)
        #expect(JSONNumber("3000000000").count == nil)
    }
}
