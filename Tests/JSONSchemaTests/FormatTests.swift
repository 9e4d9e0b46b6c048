import Testing

@testable import JSONSchema

@Suite struct FormatTests {
    static let right: [(Format, String)] = [
        (.date, "2024-02-29"), (.dateTime, "2026-11-25T13:17:51Z"), (.dateTime, "1998-12-31T23:59:60Z"),
        (.dateTime, "1998-12-31T15:59:60.123-08:00"), (.dateTime, "2026-11-25t01:02:03.5+05:30"),
        (.time, "08:30:06Z"),
        (.email, "a.b+c@shop.example"), (.email, "\"with space\"@x.example"), (.email, "a@[127.0.0.1]"),
        (.email, "a@[IPv6:::1]"), (.hostname, "a-b.example"), (.ipv4, "10.0.0.1"), (.ipv6, "::1"),
        (.ipv6, "2001:db8::ff00:42:8329"), (.uri, "https://a.example/x?y=1#z"), (.uri, "urn:a:b"),
        (.uuid, "2eb8aa08-aa98-11ea-b4aa-73b441d16380"),
    ]

    static let wrong: [(Format, String)] = [
        (.date, "2023-02-29"), (.date, "2026-13-01"), (.date, "26-01-01"), (.date, "2026-1-01"),
        (.date, "2026-01-01 "),
        (.dateTime, "2026-11-25 13:17:51Z"), (.dateTime, "2026-11-25T13:17:51"),
        (.dateTime, "2026-11-25T24:00:00Z"),
        (.dateTime, "1998-12-31T22:59:60Z"), (.dateTime, "2026-11-25T13:17:51.Z"), (.dateTime, ""),
        (.time, "08:30:06"), (.time, "8:30:06Z"), (.time, "08:30:06+24:00"), (.email, "a"),
        (.email, "@x.example"),
        (.email, "a..b@x.example"), (.email, "a@-x.example"), (.email, "a b@x.example"), (.hostname, ""),
        (.hostname, "-a"), (.hostname, "a_b"), (.hostname, "a..b"), (.ipv4, "256.0.0.1"), (.ipv4, "1.2.3"),
        (.ipv4, "01.2.3.4"), (.ipv6, ":::1"), (.ipv6, "12345::"), (.uri, "/relative"), (.uri, "http://a b"),
        (.uri, ":x"), (.uuid, "2eb8aa08aa9811eab4aa73b441d16380"),
        (.uuid, "zeb8aa08-aa98-11ea-b4aa-73b441d16380"),
    ]

    @Test(arguments: right) func matches(_ format: Format, _ text: String) { #expect(format.matches(text)) }

    @Test(arguments: wrong) func refuses(_ format: Format, _ text: String) { #expect(!format.matches(text)) }
}
