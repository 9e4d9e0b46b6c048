import Testing

@testable import Shared

@Suite struct IPAddressTests {
    @Test func textsOfOneAddressAreEqual() throws {
        #expect(IPAddress("127.0.0.1") == IPAddress("::ffff:127.0.0.1"))
        #expect(IPAddress("2001:DB8:0::1") == IPAddress("2001:db8::1"))
        #expect(try #require(IPAddress("127.0.0.1")).isIPv4)
        #expect(try !#require(IPAddress("::1")).isIPv4)
        #expect(IPAddress("1.2.3.4") != IPAddress("1.2.3.5"))
    }

    @Test(arguments: [
        "", "unknown", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:80", "[::1]", "fe80::1%eth0", "1.2.3.4 ",
        "::1::",
        "1.2.3.4\u{0}",
    ])
    func otherTextsAreNone(text: String) { #expect(IPAddress(text) == nil) }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("10.1.2.3/8", "10.9.9.9", true),
        ("192.168.1.1", "192.168.1.1", true), ("192.168.1.1", "192.168.1.2", false),
        ("192.168.1.0/31", "192.168.1.1", true), ("192.168.1.0/31", "192.168.1.2", false),
        ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false), ("::/0", "8.8.8.8", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
        ("::1", "::1", true), ("::1/128", "::2", false),
    ])
    func blocks(block: String, address: String, isInside: Bool) throws {
        let (block, address) = try (#require(IPAddress.Block(block)), #require(IPAddress(address)))
        #expect(block.contains(address) == isInside)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/8/8", "proxy", "10.0.0.0/x",
    ])
    func otherTextsAreNoBlocks(text: String) { #expect(IPAddress.Block(text) == nil) }
}

@Suite struct TrustedProxiesTests {
    private func client(_ trusted: [String], _ peer: String, _ forwardedFor: [String]) throws -> IPAddress? {
        try TrustedProxies(trusted.map { try #require(IPAddress.Block($0)) })
            .client(#require(IPAddress(peer)), forwardedFor: forwardedFor)
    }

    @Test func aStrangerIsNotBelieved() throws {
        #expect(try client([], "1.1.1.1", ["2.2.2.2"]) == IPAddress("1.1.1.1"))
        #expect(try client(["10.0.0.0/8"], "1.1.1.1", ["2.2.2.2"]) == IPAddress("1.1.1.1"))
    }

    @Test func theLastAddressThatNoProxyHasIsTheClients() throws {
        let trusted = ["10.0.0.0/8", "::1"]
        #expect(try client(trusted, "10.0.0.1", ["2.2.2.2"]) == IPAddress("2.2.2.2"))
        #expect(try client(trusted, "::1", ["2.2.2.2", "10.0.0.2"]) == IPAddress("2.2.2.2"))
        // What the client has put in front itself does not help it.
        #expect(try client(trusted, "10.0.0.1", ["3.3.3.3", "2.2.2.2", "10.0.0.2"]) == IPAddress("2.2.2.2"))
        #expect(try client(trusted, "10.0.0.1", ["10.0.0.3", "2.2.2.2"]) == IPAddress("2.2.2.2"))
    }

    @Test func emptyEntriesSayNothing() throws {
        #expect(
            try client(["10.0.0.0/8"], "10.0.0.1", ["2.2.2.2", "", "10.0.0.2", ""]) == IPAddress("2.2.2.2"))
        #expect(try client(["10.0.0.0/8"], "10.0.0.1", [""]) == IPAddress("10.0.0.1"))
    }

    @Test func whereAProxySaysNothingReadableItIsItself() throws {
        #expect(try client(["10.0.0.0/8"], "10.0.0.1", []) == IPAddress("10.0.0.1"))
        #expect(try client(["10.0.0.0/8"], "10.0.0.1", ["2.2.2.2", "unknown"]) == IPAddress("10.0.0.1"))
        #expect(try client(["10.0.0.0/8"], "10.0.0.1", ["10.0.0.3"]) == IPAddress("10.0.0.3"))
    }
}
