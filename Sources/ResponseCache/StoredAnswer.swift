public import NIOCore
public import RedisClient

/// An answer as a client got it and gets it again, byte for byte.
public struct StoredAnswer: Sendable, Equatable {
    public let status: Int
    public let contentType: String
    public let body: ByteBuffer

    public init(status: Int, contentType: String, body: ByteBuffer) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// From a status, a content type and the bytes, as scripts answer them.
    public init?(_ items: ArraySlice<RESPValue>) {
        let items = Array(items)
        guard items.count == 3, let status = items[0].text.flatMap({ Int($0) }), let type = items[1].text,
            let body = items[2].bytes
        else { return nil }
        self.init(status: status, contentType: type, body: body)
    }
}
