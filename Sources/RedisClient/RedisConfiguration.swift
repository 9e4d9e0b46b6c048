public import NIOCore
public import NIOSSL

/// Where Redis is, and the bounds of what one connection may hold.
public struct RedisConfiguration: Sendable {
    /// Whom Redis takes the gateway for (ACL of Redis 6).
    public struct Credentials: Sendable, Equatable {
        /// Nil for Redis' default user.
        public let user: String?
        public let password: String

        public init(user: String?, password: String) {
            self.user = user
            self.password = password
        }
    }

    public var host: String
    public var port: Int
    /// Nil where Redis asks for no password.
    public var credentials: Credentials?
    /// Nil for a connection in the clear.
    public var tls: NIOSSLContext?
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

    /// What a connection begins with: AUTH where there is a password, and PING, whose answer says that commands are taken.
    var greeting: [ByteBuffer] {
        guard let credentials else { return [.redisPing] }
        var auth = ByteBuffer()
        let words = ["AUTH", credentials.user, credentials.password].compactMap { $0 }
        auth.writeRedisCommand(words.map { .text($0) })
        return [auth, .redisPing]
    }
}
