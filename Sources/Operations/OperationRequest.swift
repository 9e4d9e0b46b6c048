public import NIOCore
public import Shared

extension Route {
    /// What the bridge is asked for one request to this operation.
    ///
    /// - Parameters:
    ///   - requestID: as the client knows it.
    ///   - userID: whose request it is, as far as that is known.
    ///   - further: record headers after those that every request has.
    ///   - body: what ``RequestRules/body(_:maxDepth:)`` has let pass.
    public func request(
        id: BridgeRequestID, requestID: String, userID: String? = nil,
        further: [(name: String, value: String)] = [], body: ByteBuffer
    ) -> BridgeRequest {
        var headers = [
            ("x-request-id", requestID),
            ("x-deadline", String(WallClock.millisecondsSince1970() + timeout.milliseconds)),
        ]
        if let userID { headers.append(("x-user-id", userID)) }
        return BridgeRequest(
            id: id, topic: topic, key: key(of: body), headers: headers + further, body: body, timeout: timeout
        )
    }
}
