import NIOHTTP1
import Shared

/// Whether a request means this server, of one that only its own host reaches.
///
/// A page that an operator's browser has loaded from anywhere may have its name resolve to 127.0.0.1 the next time (DNS rebinding), and
/// would then read this port as its own. Its requests still name it in `Host`, which nobody does who means this host.
/// Elsewhere it cannot be told which names are right: those ports are for whoever the network lets through.
struct AdminHost: Sendable {
    /// Load balancers name as they like whom they ask for these (Envoy by its cluster), which say little.
    private static let probes: Set<Substring> = ["/livez", "/readyz"]

    private let isLoopback: Bool

    /// - Parameter address: that the server listens on.
    init(_ address: String) { isLoopback = Self.isLocal(address) }

    /// - Parameter path: without a query.
    func takes(_ headers: HTTPHeaders, for path: Substring) -> Bool {
        !isLoopback || Self.probes.contains(path)
            || headers["host"].allSatisfy { Self.isAddressOrLocal(Self.name($0)) }
    }

    private static func isLocal(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && IPAddress(host) != nil
    }

    private static func isAddressOrLocal(_ name: String) -> Bool {
        let name = name.lowercased()
        return name.isEmpty || IPAddress(name) != nil || name == "localhost" || name.hasSuffix(".localhost")
    }

    /// Without port and brackets.
    private static func name(_ host: String) -> String {
        if host.hasPrefix("[") { return String(host.dropFirst().prefix { $0 != "]" }) }
        return String(host.prefix { $0 != ":" })
    }
}
