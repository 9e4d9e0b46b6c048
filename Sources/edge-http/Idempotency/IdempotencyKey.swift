import Crypto
import NIOCore
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
        var scope = SHA256()
        for part in [caller, method, path, key] {
            // With their lengths, so that no two scopes run into the same bytes.
            withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { scope.update(bufferPointer: $0) }
            scope.update(data: Array(part.utf8))
        }
        redisKey = "vy:idempotency:" + Self.digits(scope.finalize())
        var content = SHA256()
        body.withUnsafeReadableBytes { content.update(bufferPointer: $0) }
        self.body = Self.digits(content.finalize())
    }

    private static func digits(_ digest: SHA256Digest) -> String {
        digest.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
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
