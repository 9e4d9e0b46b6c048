import AsyncHTTPClient
public import Logging
import OutboundHTTP
import PaymentContacts
public import RedisClient
public import ServiceLifecycle
import Shared
public import Telemetry

/// Tells ActiveCampaign of those whose payment has succeeded, off the way of any request.
public final class ActiveCampaign: Service, Sendable {
    /// Why a job was put aside that has not failed.
    private enum Interruption: Error {
        /// Nobody may call for so long.
        case paused(Duration)
        /// Another replica has it.
        case lost
    }

    private enum Attempt: String, CaseIterable {
        case delivered, retried, lost, gone
        case givenUp = "given_up"
    }

    private static let pollInterval = Duration.milliseconds(500)
    /// Jobs that one replica works on at once: enough for the rate although answers take their time.
    private static let workers = 4

    private let settings: Settings
    private let store: JobStore
    private let policy: DeliveryPolicy
    private let logger: Logger
    private let attempts = CounterSet<Attempt>(.activeCampaign)

    /// - Parameter instance: this replica's name among those that share the work.
    public init(_ settings: Settings, redis: RedisClient, instance: String, logger: Logger) {
        self.settings = settings
        self.logger = logger
        store = JobStore(
            redis: redis, consumer: instance, callsPerSecond: settings.callsPerSecond,
            timeout: settings.timeout)
        policy = DeliveryPolicy(attempts: settings.attempts)
    }

    /// How many jobs all replicas have, for a scrape; nothing while Redis is away.
    public func samples() async -> [Sample] {
        guard let counts = try? await store.counts() else { return [] }
        return Sample.queue("activecampaign", items: counts.waiting, itemsLimit: SucceededPayments.limit)
            + Sample.queue(
                "activecampaign_delayed", items: counts.delayed, itemsLimit: JobStore.delayedLimit)
            + Sample.queue("activecampaign_dead", items: counts.dead, itemsLimit: JobStore.deadLetterLimit)
    }

    /// Ends when the process is to stop, after the jobs in hand; what is cancelled in the midst is left to another replica.
    public func run() async throws {
        let client = OutboundCall.client()
        let api = ActiveCampaignAPI(
            url: settings.url, key: settings.key, timeout: settings.timeout, client: client)
        await withDiscardingTaskGroup { group in
            for _ in 0..<Self.workers { group.addTask { await self.work(api) } }
        }
        try? await store.leave()
        try await client.shutdown()
    }

    private func work(_ api: ActiveCampaignAPI) async {
        var hasGroup = false
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                if !hasGroup { try await store.makeGroup() }
                hasGroup = true
                if let job = try await store.take() { try await handle(job, api) } else { await rest() }
            } catch {
                // Redis is away, or has lost the group: begin anew when it is there. The job in hand is found again.
                hasGroup = false
                logger.debug("contacts wait", metadata: ["reason": "\(error)"])
                await rest()
            }
        }
    }

    private func rest() async {
        await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.pollInterval) }
    }

    private func handle(_ job: Job, _ api: ActiveCampaignAPI) async throws {
        guard let contact = try await store.contact(of: job.payment) else {
            attempts.count(.gone)
            logger.warning("contact is gone", metadata: ["payment": "\(Self.masked(job.payment))"])
            return try await store.finish(job)
        }
        let attempt = job.attempts + 1
        do {
            switch try await deliver(contact, of: job, api) {
            case .accepted:
                try await store.finish(job)
                attempts.count(.delivered)
                logger.info(
                    "contact delivered",
                    metadata: ["payment": "\(Self.masked(job.payment))", "attempt": "\(attempt)"])
            case .refused(let reason): try await giveUp(job, reason)
            case .failed(let reason, let after):
                if let after { try await store.pause(after) }
                switch policy.next(after: attempt, notBefore: after, random: .random(in: 0...1)) {
                case .deadLetter: try await giveUp(job, reason)
                case .retry(let pause): try await retry(job, attempts: attempt, after: pause, reason)
                }
            }
        } catch Interruption.paused(let time) {
            try await retry(job, attempts: job.attempts, after: time, "the account is paused")
        } catch Interruption.lost {
            attempts.count(.lost)
            logger.warning(
                "contact is another replica's", metadata: ["payment": "\(Self.masked(job.payment))"])
        }
    }

    private func retry(_ job: Job, attempts: Int, after pause: Duration, _ reason: String) async throws {
        guard try await store.retry(job, attempts: attempts, after: pause, reason: reason) else {
            return logGivenUp(job, reason + ", and too many wait")
        }
        self.attempts.count(.retried)
        logger.warning(
            "contact not delivered yet",
            metadata: [
                "payment": "\(Self.masked(job.payment))", "reason": "\(reason)", "attempts": "\(attempts)",
                "againInMs": "\(pause.milliseconds)",
            ])
    }

    private func giveUp(_ job: Job, _ reason: String) async throws {
        try await store.giveUp(job, attempts: job.attempts + 1, reason: reason)
        logGivenUp(job, reason)
    }

    private func logGivenUp(_ job: Job, _ reason: String) {
        attempts.count(.givenUp)
        logger.error(
            "contact given up", metadata: ["payment": "\(Self.masked(job.payment))", "reason": "\(reason)"])
    }

    /// All calls for one contact. Each may be made again: none of them does a thing twice.
    private func deliver(
        _ contact: Contact, of job: Job, _ api: ActiveCampaignAPI
    ) async throws -> DeliveryPolicy.Verdict {
        try await wait(job.wait, job)
        let synced = DeliveryPolicy.verdict(try await api.sync(contact))
        guard let tag = settings.tag, case .accepted(let body) = synced else { return synced }
        guard let id = ActiveCampaignAPI.contactID(in: body) else {
            return .failed(reason: "the answer names no contact", after: nil)
        }
        switch try await store.turn() {
        case .after(let time): try await wait(time, job)
        case .notBefore(let time): throw Interruption.paused(time)
        }
        return DeliveryPolicy.verdict(try await api.tag(contact: id, with: tag))
    }

    /// Until a call may be made for the job.
    private func wait(_ time: Duration, _ job: Job) async throws {
        var time = time
        while true {
            try await Task.sleep(for: time)
            switch try await store.hold(job) {
            case .held: return
            case .early(let missing): time = missing
            case .paused(let time): throw Interruption.paused(time)
            case .lost: throw Interruption.lost
            }
        }
    }

    /// A service's id may be anything.
    private static func masked(_ payment: String) -> String { CardNumber.masked(payment) }
}
