import ResponseCache
import Shared

/// One checked request of a client.
struct OperationCall: Sendable {
    let head: OperationHead
    /// With the route's own deadline.
    let request: BridgeRequest
    let key: IdempotencyKey?
    let preferences: Preferences
    let caching: OperationCaching

    /// How long the client waits.
    var timeout: Duration { preferences.timeout(request.timeout) }

    /// What the bridge is asked.
    func request(timeout: Duration, keepsReply: Bool) -> BridgeRequest {
        var request = request
        request.timeout = timeout
        request.keepsReply = keepsReply
        return request
    }
}

/// How a call ends for the client.
enum OperationAnswer: Sendable, Equatable {
    /// - Parameter isReplayed: whether another request's message brought the answer.
    case final(StoredAnswer, isReplayed: Bool)
    /// An answer to an earlier request.
    case cached(StoredAnswer, age: Duration)
    /// The answer will be found at the operation.
    case pending(BridgeRequestID)
}
