import Foundation
import Shared

/// The admin port of another process, as `CONSOLE_PEERS` names it.
struct ConsolePeer: Hashable, Sendable {
    /// A name, or an address without brackets.
    let host: String
    let port: Int

    /// As in a URL.
    var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    var isAddress: Bool { IPAddress(host) != nil }

    /// Nil for anything but `http://HOST:PORT`: admin ports speak no TLS, and none of them is 80.
    init?(_ url: String) {
        guard let parts = URLComponents(string: url), parts.scheme?.lowercased() == "http",
            let port = parts.port, (1...65_535).contains(port), let host = parts.host,
            ["", "/"].contains(parts.path),
            parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil
        else { return nil }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.init(host: isBracketed ? String(host.dropFirst().dropLast()) : host, port: port)
        guard isAddress || Self.isName(host) else { return nil }
    }

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// As resolvers take it (RFC 1123 §2.1), with the `_` that some have.
    private static func isName(_ host: String) -> Bool {
        (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
                    || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }
}

/// `CONSOLE_PEERS`.
enum ConsolePeersSetting {
    static let most = 32

    static func read(_ reader: inout SettingsReader) -> [ConsolePeer] {
        let text = reader.string(
            "CONSOLE_PEERS", default: "http://127.0.0.1:4140,http://127.0.0.1:4142",
            help: "Admin ports of the other processes that the console at edge-http's own one (`/console`) "
                + "shows, as URLs separated by commas; a name stands for all of its addresses.")
        var peers: [ConsolePeer] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let url = part.trimmingPrefix { $0 == " " }
            guard let peer = ConsolePeer(String(url)) else {
                reader.mistake(
                    "CONSOLE_PEERS: '\(url)' is no URL of an admin port; write it like http://127.0.0.1:4140")
                continue
            }
            if !peers.contains(peer) { peers.append(peer) }
        }
        if peers.count > most {
            reader.mistake("CONSOLE_PEERS: \(peers.count) are more than \(most); give replicas one name")
        }
        return peers
    }
}
