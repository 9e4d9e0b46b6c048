/// Lua that several scripts begin with.
public enum RedisScripts {
    /// The time of Redis as `now`, in milliseconds since 1970: one clock for all replicas.
    public static let now = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """
}
