import NIOCore
import ResponseCache
import Shared

/// A key as it is stored: for one caller and one route, and with the body that it stands for.
struct IdempotencyKey: Sendable, Equatable {
    /// The key of its record in Redis.
    let redisKey: String
    /// SHA-256 of the body in hexadecimal digits.
    let body: String

    /// - Parameters:
    ///   - key: what the client sent, without quotes.
    ///   - body: its bytes without white space around them. They are compared as they are: a client that sends a
    ///     request again sends the same bytes.
    init(caller: String, method: String, path: String, key: String, body: ByteBuffer) {
        redisKey = "vy:idempotency:" + Digest.text(of: [caller, method, path, key])
        self.body = Digest.text(of: body)
    }
}

/// What the record of a key says to a request that comes with it.
enum KeyState: Sendable, Equatable {
    /// There was none. Now it says that this request is in flight.
    case new
    case answered(StoredAnswer)
    case otherBody
    /// Another request's message may be sent at any time, and has its deadline in `left`.
    case inFlight(BridgeRequestID, left: Duration)
    /// The deadline of the request whose message was or may have been sent is over.
    case unknown(BridgeRequestID)
    /// The answer has come, and nobody has written it into the record yet.
    case replied(OperationHead, BridgeOutcome)
}
