import KafkaClient
import NIOCore
import PaymentContacts
import RawJSON
import RedisClient
import ResponseCache
import Shared

/// One status update of one user.
struct StatusEntry: Sendable {
    let partition: TopicPartition
    let offset: Int64
    let userID: String
    /// The name of the event that the user's clients get.
    let event: String
    /// A JSON object.
    let data: ByteBuffer
    /// Nil where it has none.
    let version: StatusVersion?
    /// The span that it comes from; nil where nobody traces.
    let trace: TraceContext?
}

/// Where status updates go.
protocol StatusStore: Sendable {
    /// Appends to the user's history and publishes, once per offset and once per version.
    func append(_ entry: StatusEntry) async throws -> StatusPartition.Result

    /// Forgets the offset remembered for a partition if it is `end` or later, which only a partition made anew explains.
    func forgetOffset(of partition: TopicPartition, from end: Int64) async throws
}

/// The Redis layout of status updates: a history stream and a channel per user, and an offset per partition.
struct RedisStatusStore: StatusStore {
    /// One atomic step, so that a crash between two of them neither loses an update nor publishes it twice. Each entry
    /// names the one before it, by which a reader sees whether something is missing in between. Cached answers about what
    /// has changed are out of date as soon as the update is on its way. What is not later than the last one of the same
    /// thing is passed over, with its offset.
    ///
    /// KEYS: offset, history, channel, version. ARGV: offset, length and expiry (ms) of the history, event, the same as
    /// JSON, data, what has changed and how long answers are cached (``CacheScripts``), order and content of the version,
    /// `traceparent`.
    static let appendScript =
        """
        local seen = redis.call('GET', KEYS[1])
        if seen and tonumber(seen) >= tonumber(ARGV[1]) then return false end
        if (ARGV[9] or '') ~= '' then
          local known = redis.call('GET', KEYS[4])
          local order, content = string.sub(known or '', 1, 20), string.sub(known or '', 21)
          if ARGV[9] < order or ARGV[9] == order and ARGV[10] == content then
            redis.call('SET', KEYS[1], ARGV[1])
            return 'superseded'
          end
          redis.call('SET', KEYS[4], ARGV[9] .. ARGV[10], 'PX', ARGV[3])
        end
        local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
        local prev = last and last[1] or '0-0'
        local trace = ARGV[11] or ''
        local id = redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], '*',
          'prev', prev, 'event', ARGV[4], 'data', ARGV[6], unpack(trace ~= '' and {'trace', trace} or {}))
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
        redis.call('PUBLISH', KEYS[3],
          '{"id":"' .. id .. '","prev":"' .. prev .. '","event":' .. ARGV[5] .. (trace ~= '' and ',"trace":"' .. trace .. '"' or '') .. ',"data":' .. ARGV[6] .. '}')
        redis.call('SET', KEYS[1], ARGV[1])

        """ + CacheScripts.change(names: "ARGV[7]", lifetime: "ARGV[8]", ahead: "0") + "return id"

    static let forgetScript =
        """
        local seen = redis.call('GET', KEYS[1])
        if seen and tonumber(seen) >= tonumber(ARGV[1]) then return redis.call('DEL', KEYS[1]) end
        return 0
        """

    let redis: RedisClient
    let historyLimit: Int
    let historyTTL: Duration
    /// Nil: no answers are cached that an update could put out of date.
    let cacheLifetime: Duration?

    /// Comes before the other steps, since it does no harm twice: the payment is in the stream before its offset counts as seen.
    static let succeededScript =
        SucceededPayments.functions + "succeeded(KEYS[5], KEYS[6], ARGV[12])\n" + appendScript

    func append(_ entry: StatusEntry) async throws -> StatusPartition.Result {
        var event = ByteBuffer()
        event.writeJSONString(entry.event)
        let changed = cacheLifetime == nil ? "" : ResourceNames.ofChange(entry.data).joined
        let payment = SucceededPayments.payment(in: entry.data)
        let reply = try await redis.evaluate(
            payment == nil ? Self.appendScript : Self.succeededScript,
            keys: [
                Self.offsetKey(entry.partition), UserKeys.history(entry.userID),
                UserKeys.updates(entry.userID),
                Self.versionKey(entry.partition.topic, entry.version?.thing ?? ""),
            ] + (payment.map { [SucceededPayments.key($0), SucceededPayments.stream] } ?? []),
            arguments: [
                RedisArgument(entry.offset), RedisArgument(historyLimit),
                RedisArgument(historyTTL.milliseconds),
                .text(entry.event), .bytes(event), .bytes(entry.data),
                .text(changed), RedisArgument(cacheLifetime?.milliseconds ?? 0),
                .text(entry.version?.order ?? ""), .text(entry.version?.content ?? ""),
                .text(entry.trace?.parent ?? ""),
            ] + (payment.map { [.text($0)] } ?? []))
        return reply == .null ? .skipped : reply.text == "superseded" ? .superseded : .done
    }

    func forgetOffset(of partition: TopicPartition, from end: Int64) async throws {
        _ = try await redis.evaluate(
            Self.forgetScript, keys: [Self.offsetKey(partition)], arguments: [RedisArgument(end)])
    }

    static func offsetKey(_ partition: TopicPartition) -> String {
        "vy:offset:\(partition.topic):\(partition.partition)"
    }

    private static func versionKey(_ topic: String, _ thing: String) -> String {
        "vy:version:\(topic):\(thing)"
    }
}
