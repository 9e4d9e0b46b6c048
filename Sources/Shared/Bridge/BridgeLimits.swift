import NIOCore

/// The times and sizes both sides of the Unix-socket protocol keep to.
public enum BridgeLimits {
    /// The protocol versions this build speaks.
    static let versions = [1]
    /// 2 MiB.
    public static let defaultMaxFrame = 2 * 1024 * 1024
    /// How deep the JSON of a frame may be nested. A body may use one level less.
    public static let maxDepth = 256
    static let handshakeTimeout: TimeAmount = .seconds(5)
    /// A side that has neither sent nor received for this long sends a ping.
    static let pingAfter: TimeAmount = .seconds(5)
    /// A side that has received nothing for this long closes the connection.
    static let closeAfter: TimeAmount = .seconds(15)
    static let firstBackoff: TimeAmount = .milliseconds(50)
    /// Short, since it is a socket of the same host: a bridge that comes back is found at once.
    static let longestBackoff: TimeAmount = .milliseconds(500)
    /// 24 hours, in milliseconds.
    static let longestTimeout = 86_400_000
    /// A connection that was ready for less than this did not work, and the next attempt waits longer.
    static let provenAfter: TimeAmount = .seconds(1)
    /// Connections that drain beside the current one; one more closes the oldest.
    static let maxDraining = 2
    /// Requests named in one `resume` frame; more are split over several.
    static let resumeChunk = 1000
}
