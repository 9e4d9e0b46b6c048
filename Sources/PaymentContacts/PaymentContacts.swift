public import Logging
public import NIOCore
public import RedisClient
import Shared

/// Learns from operations whom payments' intents name, and which payments have succeeded, for whoever is to be told.
public struct PaymentContacts: Sendable {
    /// How long a contact is kept for its payment to succeed, and for somebody to look at what became of it.
    static let lifetime = Duration.seconds(30 * 86_400)

    private let redis: RedisClient
    private let isWanted: Bool
    private let logger: Logger
    private let stream: String

    /// - Parameter isWanted: false where only Redis knows, by ``SucceededPayments/stream``, whether anybody is to be told.
    public init(redis: RedisClient, isWanted: Bool, logger: Logger) {
        self.init(redis: redis, isWanted: isWanted, logger: logger, stream: SucceededPayments.stream)
    }

    init(redis: RedisClient, isWanted: Bool, logger: Logger, stream: String) {
        self.redis = redis
        self.isWanted = isWanted
        self.logger = logger
        self.stream = stream
    }

    /// Waits for nothing, and what Redis does not take at once is lost.
    ///
    /// - Parameters:
    ///   - request: the body of a request that was answered without error.
    ///   - reply: the answer; one without an `id` is no payment.
    public func note(request: ByteBuffer, reply: ByteBuffer) {
        let contact = Contact(intent: request)
        let succeeded = SucceededPayments.payment(in: reply)
        guard contact != nil || succeeded != nil,
            let payment = succeeded ?? SucceededPayments.payment(named: reply)
        else { return }
        redis.evaluate(
            Self.script, keys: [SucceededPayments.key(payment), stream],
            arguments: [
                .text(payment), .bytes(contact?.json ?? ByteBuffer()),
                RedisArgument(Self.lifetime.milliseconds),
                succeeded == nil ? "0" : "1", isWanted ? "1" : "0",
            ]
        ) { [logger, isWanted] result in
            guard case .failure(let error) = result else { return }
            logger.log(
                level: isWanted ? .warning : .debug, "contact not kept",
                metadata: ["payment": "\(CardNumber.masked(payment))", "reason": "\(error)"])
        }
    }

    /// Keeps a payment's first contact until it succeeds, and notes that it has.
    ///
    /// KEYS: payment, stream. ARGV: the payment's id, the contact or nothing, how long it is kept (ms), 1 if it has succeeded,
    /// 1 if it is kept although there is no stream.
    private static let script =
        SucceededPayments.functions + """
            if ARGV[5] == '0' and redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
            if ARGV[2] ~= '' and redis.call('HEXISTS', KEYS[1], 'queued') == 0
              and redis.call('HSETNX', KEYS[1], 'contact', ARGV[2]) == 1 then
              redis.call('PEXPIRE', KEYS[1], ARGV[3])
            end
            if ARGV[4] == '1' then return succeeded(KEYS[1], KEYS[2], ARGV[1]) end
            return queue(KEYS[1], KEYS[2], ARGV[1])
            """
}
