#if canImport(Glibc)
    import Glibc
#endif

/// An IPv6 address, or an IPv4 one in IPv6's form for it (RFC 4291 §2.5.5.2).
public struct IPAddress: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    private static let mappedIPv4: UInt64 = 0xFFFF_0000_0000

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil for anything but the text of an address, without a port or zone.
    public init?(_ text: String) {
        // To C, a text with a NUL in it would end there.
        guard !text.utf8.contains(0) else { return nil }
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(high: 0, low: Self.mappedIPv4 | UInt64(UInt32(bigEndian: v4.s_addr)))
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        self = withUnsafeBytes(of: &v6) { bytes in
            IPAddress(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == Self.mappedIPv4 >> 32 }

    /// What one customer of a provider has: an IPv4 address, or 64 bits of IPv6 (RFC 6177).
    public var network: IPAddress { isIPv4 ? self : IPAddress(high: high, low: 0) }

    /// The first bits, the others being zero.
    fileprivate func prefix(_ length: Int) -> IPAddress {
        // Shifts by the whole width give zero.
        IPAddress(
            high: high & ~(UInt64.max >> min(64, length)), low: low & ~(UInt64.max >> max(0, length - 64)))
    }

    /// Addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or a single one (RFC 4632 §3.1).
    public struct Block: Equatable, Sendable {
        private let start: IPAddress
        private let length: Int

        public init?(_ text: String) {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
                .map(String.init)
            guard let address = IPAddress(parts[0]) else { return nil }
            let isIPv4 = !parts[0].contains(":")
            let longest = isIPv4 ? 32 : 128
            var length = longest
            if parts.count == 2 {
                guard let given = Int(parts[1]), (0...longest).contains(given) else { return nil }
                length = given
            }
            self.length = isIPv4 ? length + 96 : length
            start = address.prefix(self.length)
        }

        public func contains(_ address: IPAddress) -> Bool { address.prefix(length) == start }
    }
}

/// The proxies that are believed when they say for whom they connect. Immutable.
public struct TrustedProxies: Sendable {
    private let blocks: [IPAddress.Block]

    public init(_ blocks: [IPAddress.Block]) { self.blocks = blocks }

    /// The address of the client itself: of those that `X-Forwarded-For` names, the last that no trusted proxy has.
    ///
    /// - Parameters:
    ///   - peer: whose connection it is.
    ///   - forwardedFor: the entries of `X-Forwarded-For`, in order. What stands before the last stranger may be made up.
    public func client(_ peer: IPAddress, forwardedFor: [String]) -> IPAddress {
        var client = peer
        // Empty entries say nothing (RFC 9110 §5.6.1).
        for entry in forwardedFor.reversed() where !entry.isEmpty {
            guard isTrusted(client), let next = IPAddress(entry) else { break }
            client = next
        }
        return client
    }

    private func isTrusted(_ address: IPAddress) -> Bool { blocks.contains { $0.contains(address) } }
}

extension TrustedProxies {
    /// A setting `NAME` that lists addresses and blocks of them.
    public init(_ name: String, from reader: inout SettingsReader) {
        let texts = reader.strings(
            name, default: "[]",
            help: "JSON array of the addresses and blocks (`10.0.0.0/8`) whose X-Forwarded-For is believed.")
        self.init(
            texts.compactMap { text in
                let block = IPAddress.Block(text)
                if block == nil {
                    reader.mistake("\(name): '\(text)' is no address and no block of addresses")
                }
                return block
            })
    }
}
