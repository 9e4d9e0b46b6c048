import RedisClient
import Shared

/// The steps of ``RedisOperationStore``, each of which Redis runs as a whole.
///
/// A key's record is a hash: `body` (digest), `operation` (id), `until` (ms, Redis' own clock), and once it is answered
/// `status`, `type` and `answer`. An operation is a hash: `caller`, `path`, `request`, `success`, `told` when a client knows of
/// it, and `kind` and `reply` once it is answered (``KeptReply``). One that has `forgotten` was given up before Redis saw it.
enum OperationScripts {
    /// KEYS: record, operation. ARGV: digest of the body, id, ms in flight, expiry (ms), caller, path, request id, status.
    static let begin =
        RedisScripts.now + """
            local record = redis.call('HMGET', KEYS[1], 'body', 'operation', 'until', 'status', 'type', 'answer')
            if not record[1] then
              if redis.call('HEXISTS', KEYS[2], 'forgotten') == 1 then return {'forgotten'} end
              redis.call('HSET', KEYS[1], 'body', ARGV[1], 'operation', ARGV[2],
                'until', string.format('%d', now + ARGV[3]))
              redis.call('PEXPIRE', KEYS[1], ARGV[4])
              redis.call('HSET', KEYS[2], 'caller', ARGV[5], 'path', ARGV[6], 'request', ARGV[7], 'success', ARGV[8])
              redis.call('PEXPIRE', KEYS[2], ARGV[4])
              return {'new'}
            end
            if record[1] ~= ARGV[1] then return {'other-body'} end
            if record[4] then return {'answered', record[4], record[5], record[6]} end
            local operation = redis.call('HMGET', '\(KeptReply.prefix)' .. record[2],
              'caller', 'path', 'request', 'success', 'kind', 'reply')
            if operation[5] and operation[1] then return {'replied', record[2], operation} end
            local left = record[3] - now
            if left > 0 then return {'in-flight', record[2], left} end
            return {'unknown', record[2]}
            """

    /// KEYS: record, operation. ARGV: id, status, type, answer, expiry (ms) of an operation that no client knows of.
    static let finish =
        """
        local record = redis.call('HMGET', KEYS[1], 'operation', 'status', 'type', 'answer')
        if record[1] ~= ARGV[1] then return false end
        if record[2] then return {record[2], record[3], record[4]} end
        redis.call('HSET', KEYS[1], 'status', ARGV[2], 'type', ARGV[3], 'answer', ARGV[4])
        if redis.call('HEXISTS', KEYS[2], 'told') == 0 then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
        return false
        """

    /// KEYS: record, operation. ARGV: id, and for how long (ms) a ``begin`` of it may still be on its way.
    static let forget =
        """
        local record = redis.call('HMGET', KEYS[1], 'operation', 'status')
        if record[1] ~= ARGV[1] then
          -- Where this is refused, as by a full Redis, a record cannot be made either.
          if redis.call('EXISTS', KEYS[2]) == 0 then
            redis.pcall('HSET', KEYS[2], 'forgotten', '1')
            redis.pcall('PEXPIRE', KEYS[2], ARGV[2])
          end
          return 0
        end
        if record[2] then return 0 end
        redis.call('DEL', KEYS[1])
        if redis.call('HEXISTS', KEYS[2], 'told') == 0 then redis.call('DEL', KEYS[2]) end
        return 1
        """

    /// KEYS: operation, and the record of the key whose outcome is unknown. ARGV: id, expiry (ms), caller, path, request
    /// id, status.
    static let register =
        """
        local known = redis.call('HMGET', KEYS[1], 'caller', 'kind', 'reply')
        if not known[1] then
          redis.call('HSET', KEYS[1], 'caller', ARGV[3], 'path', ARGV[4], 'request', ARGV[5], 'success', ARGV[6])
        end
        redis.call('HSET', KEYS[1], 'told', '1')
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        if KEYS[2] and redis.call('HGET', KEYS[2], 'operation') == ARGV[1] then
          redis.call('HSET', KEYS[2], 'until', '0')
        end
        if known[2] then return {known[2], known[3]} end
        return false
        """
}
