import Foundation
import Logging
import NIOCore
import RedisClient
import Testing

@testable import ActiveCampaign
@testable import PaymentContacts

private let port = ProcessInfo.processInfo.environment["REDIS_TEST_PORT"].flatMap(Int.init)

@Suite struct JobTests {
    private func text(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    @Test func isReadOutOfAnEntry() {
        func job(_ fields: [String]) -> Job? {
            Job(.array([.integer(70), .array([text("1-0"), .array(fields.map(text))])]))
        }
        #expect(
            job(["payment", "pi 1"])
                == Job(entry: "1-0", payment: "pi 1", attempts: 0, wait: .milliseconds(70)))
        #expect(job(["payment", "p", "attempts", "3"])?.attempts == 3)
        #expect(job(["other", "x", "odd"])?.payment == "")
        #expect(Job(.null) == nil)
        #expect(Job(.array([.integer(1), .null])) == nil)
        #expect(Job(.array([.integer(1), .array([text("1-0"), .null])])) == nil)
    }
}

/// Needs a redis-server: `REDIS_TEST_PORT` names its port on the loopback address.
@Suite(.enabled(if: port != nil)) struct JobStoreTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private let contact = Contact(email: "a@x.example", firstName: "Ada")

    /// Runs `body` with a store of its own keys, and a new payment's id.
    private func withStore(
        rate: Int = 100, timeout: Duration = .milliseconds(-4700),
        _ body: (JobStore, JobStore, String) async throws -> Void
    ) async throws {
        let redis = RedisClient(RedisConfiguration(host: "127.0.0.1", port: port ?? 0), logger: logger)
        let name = "test:\(UUID())"
        let keys = JobStore.Keys(
            jobs: name, delayed: name + ":delayed", deadLetters: name + ":dead", slot: name + ":slot",
            last: name + ":last", pause: name + ":pause")
        let stores = ["one", "two"].map {
            JobStore(redis: redis, consumer: $0, callsPerSecond: rate, timeout: timeout, keys: keys)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await redis.run() }
            while redis.missing != nil { try await Task.sleep(for: .milliseconds(5)) }
            try await stores[0].makeGroup()
            try await stores[1].makeGroup()
            try await body(stores[0], stores[1], "pi_\(UUID())")
            group.cancelAll()
        }
    }

    /// What an edge does.
    private func note(
        _ store: JobStore, _ contact: Contact?, _ hasSucceeded: Bool, _ payment: String, isWanted: Bool = true
    ) async throws {
        let contacts = PaymentContacts(
            redis: store.redis, isWanted: isWanted, logger: logger, stream: store.keys.jobs)
        let customer = contact.map { #""receipt_email":"\#($0.email)","customer":{"name":"Ada"}"# } ?? ""
        contacts.note(
            request: ByteBuffer(string: "{\(customer)}"),
            reply: ByteBuffer(
                string: #"{"id":"\#(payment)","status":"\#(hasSucceeded ? "succeeded" : "new")"}"#))
        _ = try await store.redis.send(["PING"])
    }

    /// What the bridge does.
    private func succeed(_ store: JobStore, _ payment: String) async throws {
        _ = try await store.redis.evaluate(
            SucceededPayments.functions + "return succeeded(KEYS[1], KEYS[2], ARGV[1])",
            keys: [SucceededPayments.key(payment), store.keys.jobs], arguments: [.text(payment)])
    }

    private func deadLetters(_ store: JobStore) async throws -> [[String]] {
        let letters =
            try await store.redis.send(["XRANGE", .text(store.keys.deadLetters), "-", "+"]).items ?? []
        return letters.map { ($0.items?.last?.items ?? []).compactMap(\.text) }
    }

    @Test func aPaymentIsAJobOnceContactAndSuccessAreKnownInAnyOrder() async throws {
        try await withStore { store, _, payment in
            let other = payment + "-other"
            try await note(store, contact, false, payment)
            try await note(store, Contact(email: "later@x.example"), false, payment)
            try await succeed(store, other)
            #expect(try await store.take() == nil)
            try await succeed(store, payment)
            try await note(store, contact, false, other)
            for payment in [payment, other] {
                // Whoever says it again changes nothing.
                try await note(store, contact, true, payment)
                try await succeed(store, payment)
            }
            for payment in [payment, other] {
                let job = try #require(try await store.take())
                #expect(job.payment == payment && job.attempts == 0)
                #expect(try await store.contact(of: payment) == contact)
                try await store.finish(job)
                #expect(try await store.contact(of: payment) == nil)
                try await note(store, contact, true, payment)
            }
            #expect(try await store.take() == nil)
            #expect(try await store.redis.send(["XLEN", .text(store.keys.jobs)]) == .integer(0))
        }
    }

    @Test func withoutAStreamNothingIsWritten() async throws {
        try await withStore { store, _, payment in
            _ = try await store.redis.send(["DEL", .text(store.keys.jobs)])
            try await succeed(store, payment)
            try await note(store, contact, true, payment, isWanted: false)
            #expect(
                try await store.redis.send(["EXISTS", .text(SucceededPayments.key(payment))]) == .integer(0))
        }
    }

    @Test func aSuccessWithoutContactIsForgottenSoon() async throws {
        try await withStore { store, _, payment in
            try await succeed(store, payment)
            let left =
                try await store.redis.send(["PTTL", .text(SucceededPayments.key(payment))]).integer ?? 0
            #expect((590_000...600_000).contains(left))
            try await note(store, contact, false, payment)
            let lifetime =
                try await store.redis.send(["PTTL", .text(SucceededPayments.key(payment))]).integer ?? 0
            #expect(lifetime > 2_500_000_000)
        }
    }

    @Test func anAbandonedJobIsAnothers() async throws {
        try await withStore(timeout: .milliseconds(-4000)) { one, two, payment in
            try await note(one, contact, true, payment)
            let job = try #require(try await one.take())
            #expect(try await one.hold(job) == .held)
            #expect(try await two.take() == nil, "it is in hand")
            try await Task.sleep(for: .milliseconds(600))
            #expect(try await one.hold(job) == .held)
            try await Task.sleep(for: .milliseconds(600))
            #expect(try await two.take() == nil, "it is held")
            try await Task.sleep(for: .milliseconds(600))
            let taken = try #require(try await two.take())
            #expect(taken.entry == job.entry)
            #expect(try await one.hold(job) == .lost)
            #expect(try await two.hold(taken) == .held)
        }
    }

    @Test func aRetryWaitsAndCounts() async throws {
        try await withStore { store, _, payment in
            try await note(store, contact, true, payment)
            let job = try #require(try await store.take())
            #expect(try await store.retry(job, attempts: 1, after: .seconds(1), reason: "r"))
            #expect(try await store.take() == nil)
            try await Task.sleep(for: .milliseconds(1050))
            let again = try #require(try await store.take())
            #expect(again.payment == payment && again.attempts == 1 && again.entry != job.entry)
            #expect(
                try await store.retry(job, attempts: 1, after: .zero, reason: "r"), "it is no job any more")
            try await store.giveUp(again, attempts: 2, reason: "status 422")
            #expect(try await store.take() == nil)
            #expect(
                try await deadLetters(store)
                    == [["payment", payment, "attempts", "2", "reason", "status 422"]])
            #expect(try await store.contact(of: payment) == contact, "it can be tried again")
        }
    }

    @Test func nobodyCallsDuringAPause() async throws {
        try await withStore { one, two, payment in
            try await note(one, contact, true, payment)
            let job = try #require(try await one.take())
            try await one.pause(.milliseconds(1500))
            try await one.pause(.milliseconds(1))
            guard case .paused(let left) = try await one.hold(job) else { Issue.record("it goes on"); return }
            #expect(left > .milliseconds(500))
            guard case .notBefore = try await two.turn() else { Issue.record("it goes on"); return }
            _ = try await one.retry(job, attempts: 0, after: .zero, reason: "paused")
            #expect(try await two.take() == nil)
            try await Task.sleep(for: .milliseconds(1550))
            #expect(try await two.take()?.attempts == 0)
        }
    }

    @Test func callsAreSpacedOverAllReplicas() async throws {
        try await withStore(rate: 10) { one, two, _ in
            var waits: [Duration] = []
            for index in 0..<10 {
                guard case .after(let wait) = try await (index % 2 == 0 ? one : two).turn() else {
                    Issue.record("no turn \(index)")
                    return
                }
                waits.append(wait)
            }
            // 105 ms apart, less the time that the commands took.
            for (index, wait) in waits.enumerated() {
                let place = Duration.milliseconds(105 * index)
                #expect(wait <= place && wait > place - .milliseconds(500))
            }
            #expect(try await one.take() == nil)
            while case .after = try await one.turn() {}
            guard case .notBefore(let time) = try await two.turn() else { Issue.record("no end"); return }
            #expect(time > JobStore.longestTurn - .milliseconds(100))
        }
    }

    @Test func aCallAfterOneThatWasHeldUpWaits() async throws {
        try await withStore(rate: 2) { one, two, payment in
            try await note(one, contact, true, payment)
            try await note(one, contact, true, payment + "-other")
            let first = try #require(try await one.take())
            let second = try #require(try await two.take())
            #expect(second.wait > first.wait)
            #expect(try await one.hold(first) == .held)
            guard case .early(let missing) = try await two.hold(second) else {
                Issue.record("too soon")
                return
            }
            #expect(missing > .milliseconds(50) && missing <= .milliseconds(500))
            try await Task.sleep(for: missing)
            #expect(try await two.hold(second) == .held)
        }
    }

    @Test func onlyWhoHasNothingLeaves() async throws {
        try await withStore { one, two, payment in
            func consumers() async throws -> Int {
                try await one.redis.send(["XINFO", "CONSUMERS", .text(one.keys.jobs), .text(JobStore.group)])
                    .items?.count ?? 0
            }
            try await note(one, contact, true, payment + "-other")
            try await two.finish(try #require(try await two.take()))
            try await note(one, contact, true, payment)
            let job = try #require(try await one.take())
            #expect(try await consumers() == 2)
            try await one.leave()
            try await two.leave()
            #expect(try await consumers() == 1)
            try await one.finish(job)
            try await one.leave()
            #expect(try await consumers() == 0)
        }
    }
}
