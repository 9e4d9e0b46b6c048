import ResponseCache
import Shared

/// Where keys and operations are kept, for all replicas. Each call is one atomic step.
protocol OperationStore: Sendable {
    /// Asks for the record of a key, and makes it when there is none: before anything is sent.
    ///
    /// - Parameters:
    ///   - head: the operation that is registered when the record is new.
    ///   - lasting: after this time a record that still says "in flight" counts as unknown.
    func begin(
        _ key: IdempotencyKey, _ head: OperationHead, lasting: Duration
    ) async throws(OperationStoreError) -> KeyState

    /// Writes the answer of an operation into its key's record; the first one counts.
    ///
    /// - Returns: what every request of this key is answered from now on.
    func finish(
        _ key: IdempotencyKey, _ id: BridgeRequestID, _ answer: StoredAnswer
    ) async throws(OperationStoreError) -> StoredAnswer

    /// Removes the record of a key whose message was certainly not sent, so that a retry sends it. A ``begin(_:_:lasting:)`` of the
    /// same operation that comes only later makes none.
    func forget(_ key: IdempotencyKey, _ id: BridgeRequestID) async throws(OperationStoreError)

    /// Notes that a client is told of this operation, so that its late answer is kept for it.
    ///
    /// - Parameter key: the key whose record is to say that the outcome is unknown.
    /// - Returns: the answer, if it has come already.
    func register(
        _ head: OperationHead, unknown key: IdempotencyKey?
    ) async throws(OperationStoreError) -> BridgeOutcome?

    /// Writes what became of an operation; the first answer counts.
    func keep(_ outcome: BridgeOutcome, of id: BridgeRequestID) async throws(OperationStoreError)

    /// Nil when no client was told of such an operation.
    func operation(_ id: BridgeRequestID) async throws(OperationStoreError) -> KeptOperation?
}

struct OperationStoreError: Error, Equatable {
    let reason: String
    /// False when the step may have been taken.
    var isWithoutEffect = false
    /// Whether the same step may be taken later.
    var mayPass = true
}
