import Logging
import NIOCore
import Operations
import ResponseCache
import Shared
import Telemetry

/// Sends a call's message and finds out what the client is told: performs what ``KeyedWait`` says, and keeps in the store
/// what a client may ask for later.
final class OperationDelivery: Sendable {
    /// How much longer than its request a record says "in flight": the bridge's and Redis' share of the time.
    static let grace = Duration.seconds(1)
    /// The longest pause between attempts to remove the record of what was not sent.
    private static let longestForgetPause = Duration.seconds(4)

    /// What became of requests with a key.
    private enum Keyed: String, CaseIterable {
        case sent, replayed, unknown, unavailable
        case otherBody = "other_body"
        case inFlight = "in_flight"
    }

    private let keyed = CounterSet<Keyed>(.idempotency)
    private let store: any OperationStore
    private let background: BackgroundRequests
    private let logger: Logger
    private let send: @Sendable (BridgeRequest) async -> BridgeOutcome
    private let observe: @Sendable (_ request: ByteBuffer, _ reply: ByteBuffer) -> Void

    /// - Parameter observe: is told of each request and its answer without error, and must not wait.
    init(
        store: any OperationStore, background: BackgroundRequests, logger: Logger,
        send: @escaping @Sendable (BridgeRequest) async -> BridgeOutcome,
        observe: @escaping @Sendable (_ request: ByteBuffer, _ reply: ByteBuffer) -> Void = { _, _ in }
    ) {
        self.store = store
        self.background = background
        self.logger = logger
        self.send = send
        self.observe = observe
    }

    func answer(_ call: OperationCall) async throws(Problem) -> OperationAnswer {
        guard let key = call.key else { return try await sendNow(call, timeout: call.timeout) }
        let deadline = ContinuousClock.now + call.timeout
        // Who wants 202 waits for nobody.
        var wait = KeyedWait(until: call.preferences.isImmediate ? .now : deadline)
        var isSent = false
        while true {
            // Also who has waited to the last moment may find that nothing was sent and has to send it.
            let left = max(.milliseconds(100), deadline - .now)
            let state = try await begin(key, call, left: left, isSent: isSent)
            switch wait.next(state, .now) {
            case .send:
                keyed.count(.sent)
                return try await sendNow(call, timeout: left)
            case .replay(let answer):
                keyed.count(.replayed)
                return .final(answer, isReplayed: true)
            case .settle(let head, let outcome):
                keyed.count(.replayed)
                return .final(await settle(outcome, of: head, call), isReplayed: true)
            case .refuseOtherBody:
                keyed.count(.otherBody)
                throw .otherBody
            case .look(let pause):
                isSent = true
                if (try? await Task.sleep(for: pause)) == nil { wait.stop(.now) }
            case .leaveInFlight(let id, let retryAfter):
                keyed.count(.inFlight)
                if let pending = await pending(id, call) { return pending }
                throw .keyInFlight(retryAfter: retryAfter)
            case .leaveUnknown(let id):
                keyed.count(.unknown)
                return try await leaveUnknown(id, call)
            }
        }
    }

    /// What Redis has of an operation, if it is this caller's.
    func operation(_ id: BridgeRequestID, of caller: String) async throws(Problem) -> KeptOperation {
        let kept: KeptOperation?
        do throws(OperationStoreError) {
            kept = try await store.operation(id)
        } catch {
            throw .operationsUnavailable
        }
        guard let kept, kept.head.caller == caller else { throw .unknownOperation }
        return kept
    }

    // MARK: - Sending

    private func sendNow(_ call: OperationCall, timeout: Duration) async throws(Problem) -> OperationAnswer {
        if call.preferences.isImmediate, await isRegistered(call.head), sendInBackground(call) {
            return .pending(call.head.id)
        }
        let outcome = await send(call.request(timeout: timeout, keepsReply: call.key != nil))
        switch outcome.fate {
        case .settled: return .final(await settle(outcome, of: call.head, call), isReplayed: false)
        case .notSent:
            if let key = call.key { await forget(key, call.head.id) }
        case .unknown:
            guard let known = await register(call.head, unknown: call.key) else { break }
            if let late = known.outcome, late.fate == .settled {
                return .final(await settle(late, of: call.head, call), isReplayed: false)
            }
            if call.preferences.respondsAsync { return .pending(call.head.id) }
            throw problem(outcome).naming(call.head)
        }
        throw problem(outcome)
    }

    /// - Returns: false when the client has to wait after all.
    private func sendInBackground(_ call: OperationCall) -> Bool {
        background.submit { [self] in
            let outcome = await send(call.request(timeout: call.request.timeout, keepsReply: true))
            switch outcome.fate {
            case .settled: _ = await settle(outcome, of: call.head, call)
            case .notSent:
                if let key = call.key { await forget(key, call.head.id) }
            case .unknown:
                _ = await register(call.head, unknown: call.key)
                return
            }
            await attempt("keep") { () throws(OperationStoreError) in
                try await self.store.keep(outcome, of: call.head.id)
            }
        }
    }

    private func problem(_ outcome: BridgeOutcome) -> Problem {
        do throws(Problem) {
            _ = try OperationOutcome.body(of: outcome)
            return .unknownOutcome("no answer within the deadline")
        } catch {
            return error
        }
    }

    // MARK: - The store

    private func begin(
        _ key: IdempotencyKey, _ call: OperationCall, left: Duration, isSent: Bool
    ) async throws(Problem) -> KeyState {
        let lasting = (call.preferences.isImmediate ? call.request.timeout : left) + Self.grace
        do throws(OperationStoreError) {
            return try await store.begin(key, call.head, lasting: lasting)
        } catch {
            logger.warning("a key's record cannot be read", metadata: ["reason": "\(error.reason)"])
            keyed.count(.unavailable)
            // The record may be there, of a request that sends nothing.
            if !error.isWithoutEffect { forgetLater(key, call.head.id) }
            throw .keysUnavailable(sent: isSent)
        }
    }

    private func settle(
        _ outcome: BridgeOutcome, of head: OperationHead, _ call: OperationCall
    ) async -> StoredAnswer {
        let answer = StoredAnswer(outcome, of: head)
        if case .reply(let reply) = outcome { observe(call.request.body, reply) }
        guard let key = call.key else { return answer }
        // Without its record the answer is found by the reply that the bridge has kept.
        let finished = await attempt("finish") { () throws(OperationStoreError) in
            try await self.store.finish(key, head.id, answer)
        }
        return finished ?? answer
    }

    private func forget(_ key: IdempotencyKey, _ id: BridgeRequestID) async {
        let isDone: Void? = await attempt("forget") { () throws(OperationStoreError) in
            try await self.store.forget(key, id)
        }
        if isDone == nil { forgetLater(key, id) }
    }

    /// Until Redis has answered, however long it is away: a record that stays although nothing was sent would make the client wait
    /// for an answer that cannot come.
    private func forgetLater(_ key: IdempotencyKey, _ id: BridgeRequestID) {
        _ = background.submit { [store] in
            var pause = Duration.milliseconds(500)
            while (try? await Task.sleep(for: pause)) != nil {
                do throws(OperationStoreError) {
                    return try await store.forget(key, id)
                } catch {
                    if !error.mayPass { return }
                }
                pause = min(pause * 2, Self.longestForgetPause)
            }
        }
    }

    private struct Registration {
        let outcome: BridgeOutcome?
    }

    /// Nil when the store is away.
    private func register(_ head: OperationHead, unknown key: IdempotencyKey?) async -> Registration? {
        await attempt("register") { () throws(OperationStoreError) in
            Registration(outcome: try await self.store.register(head, unknown: key))
        }
    }

    private func isRegistered(_ head: OperationHead) async -> Bool {
        await register(head, unknown: nil) != nil
    }

    private func attempt<Value>(
        _ step: String, _ body: () async throws(OperationStoreError) -> Value
    ) async -> Value? {
        do throws(OperationStoreError) {
            return try await body()
        } catch {
            logger.warning(
                "an operation's record cannot be written",
                metadata: ["step": "\(step)", "reason": "\(error.reason)"])
            return nil
        }
    }

    // MARK: - Requests whose key another request has

    private func pending(_ id: BridgeRequestID, _ call: OperationCall) async -> OperationAnswer? {
        guard call.preferences.respondsAsync, await isRegistered(call.head.with(id)) else { return nil }
        return .pending(id)
    }

    private func leaveUnknown(
        _ id: BridgeRequestID, _ call: OperationCall
    ) async throws(Problem) -> OperationAnswer {
        let head = call.head.with(id)
        let problem = Problem.unknownOutcome("the request with this Idempotency-Key has no answer yet")
        guard await isRegistered(head) else { throw problem }
        if call.preferences.respondsAsync { return .pending(id) }
        throw problem.naming(head)
    }
}

extension OperationHead {
    fileprivate func with(_ id: BridgeRequestID) -> OperationHead {
        var head = self
        head.id = id
        return head
    }
}
