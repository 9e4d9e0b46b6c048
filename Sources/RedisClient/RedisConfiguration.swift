public import NIOCore

/// Where Redis is, and the bounds of what one connection may hold.
public struct RedisConfiguration: Sendable {
    public var host: String
    public var port: Int
    public var connectTimeout: TimeAmount = .seconds(2)
    /// Time for a reply; a connection that is later than this is given up.
    public var replyTimeout: TimeAmount = .seconds(2)
    /// A connection that has been silent for so long is asked whether it is alive.
    public var pingAfter: TimeAmount = .seconds(5)
    /// Commands that await their replies.
    public var maxPending = 10_000
    /// Bytes of the commands that await their replies.
    public var maxPendingBytes = 64 << 20
    /// Bytes of one reply.
    public var maxReplyBytes = 64 << 20
    /// Items of one array in a reply.
    public var maxElements = 1 << 20

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}
