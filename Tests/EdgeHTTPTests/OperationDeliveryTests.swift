import HTTPTypes
import Logging
import NIOCore
import Operations
import ResponseCache
import Shared
import Synchronization
import Testing

@testable import edge_http

@Suite struct OperationDeliveryTests {
    private let store = MemoryStore()
    private let background = BackgroundRequests(limit: 2)
    private static let reply = BridgeOutcome.reply(ByteBuffer(string: "{\"id\":1}"))
    private static let deadline = BridgeOutcome.failure(BridgeFailure(.deadline, message: "late"))
    private static let notSent = BridgeOutcome.failure(BridgeFailure(.queueFull, message: "full"))

    private func delivery(
        _ send: @escaping @Sendable (BridgeRequest) async -> BridgeOutcome
    ) -> OperationDelivery {
        OperationDelivery(
            store: store, background: background,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, send: send)
    }

    private func call(
        _ key: String? = "k", body: String = "{}", prefer: String? = nil, timeout: Duration = .seconds(3)
    ) -> OperationCall {
        let id = BridgeRequestID.random()
        let body = ByteBuffer(string: body)
        return OperationCall(
            head: OperationHead(id: id, caller: "c", path: "/p", requestID: "r", successStatus: 201),
            request: BridgeRequest(id: id, topic: "t", body: body, timeout: timeout),
            key: key.map { IdempotencyKey(caller: "c", method: "POST", path: "/p", key: $0, body: body) },
            preferences: Preferences(prefer), caching: .changes)
    }

    private func status(_ body: () async throws(Problem) -> OperationAnswer) async -> Int {
        do throws(Problem) {
            switch try await body() {
            case .final(let answer, _), .cached(let answer, _): return answer.status
            case .pending: return 202
            }
        } catch {
            return error.status.code
        }
    }

    @Test func manyWithOneKeySendOneMessage() async throws {
        let sent = Atomic(0)
        let delivery = delivery { _ in
            sent.add(1, ordering: .relaxed)
            try? await Task.sleep(for: .milliseconds(50))
            return Self.reply
        }
        let answers = await withTaskGroup(of: OperationAnswer?.self) { group in
            for _ in 0..<20 { group.addTask { try? await delivery.answer(self.call()) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sent.load(ordering: .relaxed) == 1)
        let replayed = answers.compactMap { answer -> Bool? in
            guard case .final(let answer, let isReplayed) = answer else { return nil }
            #expect(answer.body == ByteBuffer(string: "{\"id\":1}"))
            return isReplayed
        }
        #expect(replayed.count == 20)
        #expect(replayed.filter { !$0 }.count == 1)
    }

    @Test func whatWasNotSentIsForgotten() async {
        let outcomes = Mutex([Self.notSent, Self.reply])
        let delivery = delivery { _ in outcomes.withLock { $0.removeFirst() } }
        #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 503)
        #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 201)
    }

    @Test func aServicesErrorIsAFinalAnswer() async {
        let sent = Atomic(0)
        let delivery = delivery { _ in
            sent.add(1, ordering: .relaxed)
            return .serviceError(ByteBuffer(string: #"{"status":402,"message":"no"}"#))
        }
        for _ in 0..<2 {
            #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 402)
        }
        #expect(sent.load(ordering: .relaxed) == 1)
    }

    @Test func anUnknownOutcomeAttachesToTheLateReply() async throws {
        let sent = Mutex<[BridgeRequest]>([])
        let delivery = delivery { request in
            sent.withLock { $0.append(request) }
            return Self.deadline
        }
        #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 504)
        let request = try #require(sent.withLock { $0.first })
        #expect(request.keepsReply)
        do throws(Problem) {
            _ = try await delivery.answer(call(timeout: .milliseconds(60)))
            Issue.record("an answer without a reply")
        } catch {
            #expect(error.status.code == 504)
            #expect(error.outcome == .unknown)
            #expect(error.headers[.location] == "/operations/\(request.id)")
        }
        async let retry = delivery.answer(call())
        try await Task.sleep(for: .milliseconds(50))
        try await store.keep(Self.reply, of: request.id)
        let expected = StoredAnswer(
            status: 201, contentType: "application/json; charset=utf-8",
            body: ByteBuffer(string: "{\"id\":1}"))
        #expect(try await retry == .final(expected, isReplayed: true))
        #expect(try await delivery.answer(call()) == .final(expected, isReplayed: true))
        #expect(sent.withLock { $0.count } == 1)
    }

    @Test func aReplyThatCameWithTheDeadlineIsTheAnswer() async throws {
        let store = store
        let delivery = delivery { request in
            try? await store.keep(Self.reply, of: request.id)
            return Self.deadline
        }
        for key in ["k", nil] {
            #expect(await status { () throws(Problem) in try await delivery.answer(self.call(key)) } == 201)
        }
    }

    @Test func whoWaitsInVainIsToldToComeBack() async throws {
        let first = call()
        _ = try await store.begin(try #require(first.key), first.head, lasting: .seconds(9))
        let delivery = delivery { _ in Self.reply }
        do throws(Problem) {
            _ = try await delivery.answer(call(timeout: .milliseconds(50)))
            Issue.record("an answer while the first is in flight")
        } catch {
            #expect(error.status.code == 409)
            #expect(error.headers[.retryAfter] == "4")
        }
        let answer = try await delivery.answer(call(prefer: "respond-async"))
        #expect(answer == .pending(first.head.id))
        #expect(try await delivery.operation(first.head.id, of: "c").outcome == nil)
    }

    @Test func withoutTheStoreAKeyIsRefusedAndNothingIsSent() async {
        let sent = Atomic(0)
        let delivery = delivery { _ in
            sent.add(1, ordering: .relaxed)
            return Self.deadline
        }
        store.change { $0.isAway = true }
        #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 503)
        #expect(sent.load(ordering: .relaxed) == 0)
        do throws(Problem) {
            _ = try await delivery.answer(call(nil, prefer: "respond-async"))
            Issue.record("an answer without a reply")
        } catch {
            #expect(error.status.code == 504)
            #expect(error.headers[.location] == nil)
        }
        #expect(sent.load(ordering: .relaxed) == 1)
    }

    @Test func acceptedAtOnceAndDoneInTheBackground() async throws {
        let delivery = delivery { request in
            request.topic == "t" && request.timeout == .seconds(3) && request.keepsReply
                ? Self.reply : Self.notSent
        }
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.background.run() }
            let first = call(prefer: "respond-async")
            #expect(try await delivery.answer(first) == .pending(first.head.id))
            while try await delivery.operation(first.head.id, of: "c").outcome == nil { await Task.yield() }
            #expect(try await delivery.operation(first.head.id, of: "c").outcome == Self.reply)
            #expect(await status { () throws(Problem) in try await delivery.answer(self.call()) } == 201)
            group.cancelAll()
        }
    }

    @Test func aBackgroundThatIsFullMakesTheClientWait() async {
        for _ in 0..<2 { #expect(background.submit {}) }
        let delivery = delivery { _ in Self.reply }
        let answer = await status { () throws(Problem) in
            try await delivery.answer(self.call(prefer: "respond-async"))
        }
        #expect(answer == 201)
    }

    @Test func afterItsWaitTheClientIsAnsweredAsItPrefers() async {
        let delivery = delivery { request in
            #expect(request.timeout <= .seconds(1))
            return Self.deadline
        }
        for (prefer, expected) in [("wait=1", 504), ("respond-async, wait=1", 202)] {
            for key in [nil, prefer] {
                let answer = await status { () throws(Problem) in
                    try await delivery.answer(self.call(key, prefer: prefer))
                }
                #expect(answer == expected)
            }
        }
    }

    @Test func anAnswerWithoutErrorIsObservedWithItsRequest() async throws {
        let seen = Mutex<[String]>([])
        let outcomes: [BridgeOutcome] = [
            Self.reply, .serviceError(ByteBuffer(string: "{}")), Self.deadline, Self.notSent,
        ]
        for (index, outcome) in outcomes.enumerated() {
            let delivery = OperationDelivery(
                store: store, background: background,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, send: { _ in outcome },
                observe: { request, reply in
                    seen.withLock { $0.append(String(buffer: request) + String(buffer: reply)) }
                })
            for key in [nil, "observed \(index)"] {
                _ = await status { () throws(Problem) in
                    try await delivery.answer(self.call(key, body: "{\"a\":1}"))
                }
            }
        }
        #expect(seen.withLock { $0 } == Array(repeating: "{\"a\":1}{\"id\":1}", count: 2))
    }
}
