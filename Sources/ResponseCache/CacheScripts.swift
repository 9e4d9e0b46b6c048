import RedisClient

/// The steps of ``ResponseCache``, each of which Redis runs as a whole, by its own clock in milliseconds.
///
/// An answer is a hash: `since` (when its request began to wait for the service), `about` (its names, with commas),
/// `status`, `type` and `body`. A change is a key for each name, with the time of the last one. An answer is out of date
/// when something that it is about has changed since; so a change need not know which answers there are, and an answer
/// that was under way during a change is not kept.
public enum CacheScripts {
    static let answerPrefix = "vy:cache:answer:"
    static let changePrefix = "vy:cache:changed:"

    /// KEYS: the answer. Answers the time and, where there is one, the answer; or that it was out of date.
    static let lookUp =
        RedisScripts.now + """
            local answer = redis.call('HMGET', KEYS[1], 'since', 'about', 'status', 'type', 'body')
            if not answer[1] then return {now, 'none'} end
            for name in string.gmatch(answer[2], '[^,]+') do
              local changed = redis.call('GET', '\(changePrefix)' .. name)
              if changed and tonumber(changed) >= tonumber(answer[1]) then
                redis.call('DEL', KEYS[1])
                return {now, 'stale'}
              end
            end
            return {now, 'fresh', tonumber(answer[1]), answer[3], answer[4], answer[5]}
            """

    /// KEYS: the answer. ARGV: since, lifetime (ms), about, status, type, body.
    static let store =
        RedisScripts.now + """
            local left = ARGV[1] + ARGV[2] - now
            if left <= 0 then return 0 end
            for name in string.gmatch(ARGV[3], '[^,]+') do
              local changed = redis.call('GET', '\(changePrefix)' .. name)
              if changed and tonumber(changed) >= tonumber(ARGV[1]) then return 0 end
            end
            redis.call('HSET', KEYS[1], 'since', ARGV[1], 'about', ARGV[3], 'status', ARGV[4], 'type', ARGV[5],
              'body', ARGV[6])
            redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
            return 1
            """

    /// The change of all names in `names` (with commas), for answers that live `lifetime` ms; it counts until `ahead` ms
    /// from now. Lua without `return`, for other scripts: both are Lua expressions.
    public static func change(names: String, lifetime: String, ahead: String) -> String {
        RedisScripts.now + """
            local counts = now + \(ahead)
            for name in string.gmatch(\(names), '[^,]+') do
              local key = '\(changePrefix)' .. name
              local known = redis.call('GET', key)
              if not known or tonumber(known) < counts then
                redis.call('SET', key, string.format('%.0f', counts), 'PX', \(ahead) + \(lifetime) + 1000)
              end
            end

            """
    }

    /// ARGV: about, lifetime (ms), ahead (ms).
    static let noteChange = change(names: "ARGV[1]", lifetime: "ARGV[2]", ahead: "ARGV[3]") + "return 1"
}
