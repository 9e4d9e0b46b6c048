import NIOCore
import NIOHTTP1

/// What is known of a client since its first request. It is kept as long as the session, so it is kept small.
struct Handshake: Sendable {
    private let uri: String
    /// Names and values in turn, each ended by a line feed, which neither can hold.
    private let packedHeaders: String

    init(_ head: HTTPRequestHead) {
        uri = head.uri
        var packed = ""
        for (name, value) in head.headers {
            packed += name
            packed += "\n"
            packed += value
            packed += "\n"
        }
        packedHeaders = packed
    }

    var query: [(name: String, value: String)] { EngineURL(uri).query }

    var headers: [(name: String, value: String)] {
        let parts = packedHeaders.split(separator: "\n", omittingEmptySubsequences: false)
        return stride(from: 0, to: parts.count - 1, by: 2).map { (String(parts[$0]), String(parts[$0 + 1])) }
    }
}
