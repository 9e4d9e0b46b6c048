/// `CACHE_TTL`, which all processes have to agree on.
public enum CacheSetting {
    /// Nil: nothing is cached.
    public static func read(_ reader: inout SettingsReader) -> Duration? {
        let lifetime = reader.milliseconds(
            "CACHE_TTL", default: 0, in: 0...3_600_000,
            help: "Time (ms) for which answers of cacheable operations are kept in Redis; 0: not at all. "
                + "The same for all processes: each tells the others what has changed.")
        return lifetime > .zero ? lifetime : nil
    }
}
