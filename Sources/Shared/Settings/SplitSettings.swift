/// `BRIDGE_SOCKET`, which the edges and the bridge read alike.
public enum BridgeSocketSetting {
    public static func read(_ reader: inout SettingsReader) -> String {
        let path = reader.string(
            "BRIDGE_SOCKET", default: "/run/vy-gateway/bridge.sock",
            help: "Path of the Unix-domain socket between the edges and bridge-kafka.")
        // sun_path of unix(7) has 108 bytes, and the take-over name beside it is a little longer.
        if path.utf8.count > 90 { reader.mistake("BRIDGE_SOCKET: '\(path)' is longer than 90 bytes") }
        return path
    }
}

/// `KAFKA_REPLY_TIMEOUT_MAX`, which bounds the edges' deadlines and says how far back a starting bridge reads replies.
public enum ReplyTimeoutSetting {
    public static func readLongest(_ reader: inout SettingsReader) -> Duration {
        reader.milliseconds(
            "KAFKA_REPLY_TIMEOUT_MAX", default: 120_000, in: 1...3_600_000,
            help:
                "Longest deadline (ms) that a route may have; a restarted bridge reads replies that far back."
        )
    }
}
