import NIOCore
import ResponseCache
import Shared
import Synchronization

@testable import edge_http

/// The store as Redis keeps it, for one process and without expiry; a record's time is over when a test says so.
final class MemoryStore: OperationStore {
    struct Record {
        let body: String
        let id: BridgeRequestID
        var isInFlight = true
        var answer: StoredAnswer?
    }

    struct Operation {
        var head: OperationHead?
        var isTold = false
        var outcome: BridgeOutcome?
    }

    struct Content {
        var records: [String: Record] = [:]
        var operations: [BridgeRequestID: Operation] = [:]
        var isAway = false
        /// How often records were looked at.
        var looks = 0
    }

    private let content = Mutex(Content())

    func change(_ body: (inout Content) -> Void) { content.withLock { body(&$0) } }

    private func step<Value: Sendable>(
        _ body: (inout Content) -> Value
    ) throws(OperationStoreError) -> Value {
        let value: Value? = content.withLock { $0.isAway ? nil : body(&$0) }
        guard let value else { throw OperationStoreError(reason: "away", isWithoutEffect: true) }
        return value
    }

    func begin(
        _ key: IdempotencyKey, _ head: OperationHead, lasting: Duration
    ) async throws(OperationStoreError) -> KeyState {
        try step { content in
            content.looks += 1
            guard let record = content.records[key.redisKey] else {
                content.records[key.redisKey] = Record(body: key.body, id: head.id)
                content.operations[head.id, default: Operation()].head = head
                return .new
            }
            if record.body != key.body { return .otherBody }
            if let answer = record.answer { return .answered(answer) }
            if let operation = content.operations[record.id], let head = operation.head,
                let outcome = operation.outcome
            {
                return .replied(head, outcome)
            }
            return record.isInFlight ? .inFlight(record.id, left: .seconds(3)) : .unknown(record.id)
        }
    }

    func finish(
        _ key: IdempotencyKey, _ id: BridgeRequestID, _ answer: StoredAnswer
    ) async throws(OperationStoreError) -> StoredAnswer {
        try step { content in
            guard let record = content.records[key.redisKey], record.id == id else { return answer }
            if let known = record.answer { return known }
            content.records[key.redisKey]?.answer = answer
            return answer
        }
    }

    func forget(_ key: IdempotencyKey, _ id: BridgeRequestID) async throws(OperationStoreError) {
        try step { content in
            guard let record = content.records[key.redisKey], record.id == id, record.answer == nil else {
                return
            }
            content.records[key.redisKey] = nil
        }
    }

    func register(
        _ head: OperationHead, unknown key: IdempotencyKey?
    ) async throws(OperationStoreError) -> BridgeOutcome? {
        let operation = try step { content in
            var operation = content.operations[head.id] ?? Operation()
            operation.head = operation.head ?? head
            operation.isTold = true
            content.operations[head.id] = operation
            if let key, content.records[key.redisKey]?.id == head.id {
                content.records[key.redisKey]?.isInFlight = false
            }
            return operation
        }
        return operation.outcome
    }

    func keep(_ outcome: BridgeOutcome, of id: BridgeRequestID) async throws(OperationStoreError) {
        try step { content in
            if content.operations[id]?.outcome == nil {
                content.operations[id, default: Operation()].outcome = outcome
            }
        }
    }

    func operation(_ id: BridgeRequestID) async throws(OperationStoreError) -> KeptOperation? {
        let operation = try step { $0.operations[id] ?? Operation() }
        guard operation.isTold, let head = operation.head else { return nil }
        return KeptOperation(head: head, outcome: operation.outcome)
    }
}
