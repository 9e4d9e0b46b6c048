import PaymentContacts
import RedisClient

/// The steps of ``JobStore``, each of which is atomic. Redis' clock decides, so replicas need no common one.
enum JobScripts {
    /// The time, and when the next call may be made.
    private static let clock =
        RedisScripts.now + """
            local function free(slot) return math.max(now, tonumber(redis.call('GET', slot) or '0')) end
            local function reserve(slot, at, spacing)
              redis.call('SET', slot, string.format('%.0f', at + spacing), 'PX', string.format('%.0f', at - now + 60000))
            end

            """

    /// A job that is abandoned, due again or new, with the place of its first call; none while calls have to wait.
    ///
    /// KEYS: jobs, delayed, slot, pause. ARGV: group, consumer, when a job is abandoned (ms), spacing of calls (ms), the longest
    /// wait for a place (ms).
    static let take =
        clock + """
            if redis.call('EXISTS', KEYS[4]) == 1 then return false end
            local at = free(KEYS[3])
            if at - now > tonumber(ARGV[5]) then return false end
            for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)) do
              local space = string.find(member, ' ')
              redis.call('XADD', KEYS[1], '*', '\(SucceededPayments.field)', string.sub(member, space + 1),
                'attempts', string.sub(member, 1, space - 1))
              redis.call('ZREM', KEYS[2], member)
            end
            local entry = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0', 'COUNT', 1)[2][1]
            if not entry then
              local new = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], '>')
              if not new then return false end
              entry = new[1][2][1]
            end
            reserve(KEYS[3], at, tonumber(ARGV[4]))
            return {at - now, entry}
            """

    /// A place for a further call: the wait (ms), or what there would be to wait as a negative number.
    ///
    /// KEYS: slot, pause. ARGV: spacing of calls (ms), the longest wait (ms).
    static let turn =
        clock + """
            local paused = redis.call('PTTL', KEYS[2])
            if paused > 0 then return -paused end
            local at = free(KEYS[1])
            if at - now > tonumber(ARGV[2]) then return now - at end
            reserve(KEYS[1], at, tonumber(ARGV[1]))
            return at - now
            """

    /// Says that the job is being worked on and that its call is made now: `held`; `early` with the time (ms) to the call before
    /// that is still missing; `paused` with the time for which nobody may call; or `lost` when the job is another's.
    ///
    /// KEYS: jobs, pause, last. ARGV: group, consumer, entry, the least time (ms) between calls.
    static let hold =
        clock + """
            if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return {'lost', 0} end
            local paused = redis.call('PTTL', KEYS[2])
            if paused > 0 then return {'paused', paused} end
            redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
            local missing = (redis.call('GET', KEYS[3]) or 0) + ARGV[4] - now
            if missing > 0 then return {'early', missing} end
            redis.call('SET', KEYS[3], string.format('%.0f', now), 'PX', 60000)
            return {'held', 0}
            """

    /// KEYS: pause. ARGV: the time (ms).
    static let pause = """
        if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
        """

    /// KEYS: jobs, payment. ARGV: group, entry, how long the payment's mark is kept (ms).
    static let finish = """
        redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
        redis.call('XDEL', KEYS[1], ARGV[2])
        redis.call('HDEL', KEYS[2], 'contact')
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
        """

    /// False when as many wait as may, so that the job was given up.
    ///
    /// KEYS: jobs, delayed, dead letters. ARGV: group, entry, payment, attempts, the pause (ms), how many may wait, the reason,
    /// how many dead letters are kept.
    static let retry =
        clock + """
            if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 1 end
            redis.call('XDEL', KEYS[1], ARGV[2])
            if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
              redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[8], '*', 'payment', ARGV[3], 'attempts', ARGV[4], 'reason', ARGV[7])
              return 0
            end
            redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[5]), ARGV[4] .. ' ' .. ARGV[3])
            return 1
            """

    /// KEYS: jobs, dead letters. ARGV: group, entry, payment, attempts, the reason, how many are kept.
    static let giveUp = """
        if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
        redis.call('XDEL', KEYS[1], ARGV[2])
        redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'payment', ARGV[3], 'attempts', ARGV[4], 'reason', ARGV[5])
        return 1
        """

    /// A consumer that has nothing is forgotten.
    ///
    /// KEYS: jobs. ARGV: group, consumer.
    static let leave = """
        if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
        return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
        """
}
