import Foundation
import NIOCore
import NIOHTTP1

/// An error of the Engine.IO handshake, with the official server's codes and texts.
enum EngineError: Int, Error {
    case transportUnknown = 0
    case sessionUnknown = 1
    case badHandshakeMethod = 2
    case badRequest = 3
    case forbidden = 4
    case unsupportedVersion = 5

    var message: String {
        switch self {
        case .transportUnknown: "Transport unknown"
        case .sessionUnknown: "Session ID unknown"
        case .badHandshakeMethod: "Bad handshake method"
        case .badRequest: "Bad request"
        case .forbidden: "Forbidden"
        case .unsupportedVersion: "Unsupported protocol version"
        }
    }

    var status: HTTPResponseStatus { self == .forbidden ? .forbidden : .badRequest }
}

/// The URL of a request, taken apart.
struct EngineURL: Sendable {
    let path: String
    let query: [(name: String, value: String)]

    init(_ uri: String) {
        let parts = uri.utf8.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        path = String(Substring(parts[0]))
        query =
            parts.count < 2
            ? []
            : parts[1].split(separator: UInt8(ascii: "&")).prefix(100).map { pair in
                let halves = pair.split(
                    separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                return (Self.decoded(halves[0]), halves.count > 1 ? Self.decoded(halves[1]) : "")
            }
    }

    subscript(name: String) -> String? { query.first { $0.name == name }?.value }

    private static func decoded(_ text: Substring.UTF8View) -> String {
        // Most have nothing to decode, and are many.
        guard text.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "%") }) else {
            return String(Substring(text))
        }
        let spaced = String(
            decoding: text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
        return spaced.removingPercentEncoding ?? spaced
    }
}

/// What a request to the server's path asks for.
enum EngineRequest: Equatable {
    case pollingHandshake
    case webSocketHandshake
    case poll(sid: String)
    case post(sid: String)
    case webSocketUpgrade(sid: String)

    /// Checks in the order of the official server.
    ///
    /// - Parameter isKnown: whether there is a session of that id.
    init(
        method: HTTPMethod, url: EngineURL, isUpgrade: Bool, isKnown: (String) -> Bool
    ) throws(EngineError) {
        guard let transport = url["transport"], transport == "polling" || transport == "websocket" else {
            throw .transportUnknown
        }
        if let sid = url["sid"] {
            guard isKnown(sid) else { throw .sessionUnknown }
            switch (transport, isUpgrade, method) {
            case ("websocket", true, .GET): self = .webSocketUpgrade(sid: sid)
            case ("polling", false, .GET): self = .poll(sid: sid)
            case ("polling", false, .POST): self = .post(sid: sid)
            default: throw .badRequest
            }
            return
        }
        guard method == .GET else { throw .badHandshakeMethod }
        guard isUpgrade == (transport == "websocket") else { throw .badRequest }
        guard url["EIO"] == "4" else { throw .unsupportedVersion }
        self = isUpgrade ? .webSocketHandshake : .pollingHandshake
    }
}
