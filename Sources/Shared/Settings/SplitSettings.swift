/// `BRIDGE_SOCKET`, which the edges and the bridge read alike.
public enum BridgeSocketSetting {
    /// The one path that a bridge listens at.
    public static func read(_ reader: inout SettingsReader) -> String {
        let paths = readAll(&reader)
        if paths.count > 1 { reader.mistake("BRIDGE_SOCKET: a bridge has one path, not \(paths.count)") }
        return paths[0]
    }

    /// The paths that an edge tries.
    public static func readAll(_ reader: inout SettingsReader) -> [String] {
        let text = reader.string(
            "BRIDGE_SOCKET", default: "/run/vy-gateway/bridge.sock",
            help:
                "Path of the Unix-domain socket between the edges and bridge-kafka; an edge takes several, separated "
                + "by commas, and uses one that works. edge-ws has no default: where it is not set, edge-ws pushes updates and takes no requests."
        )
        let paths = text.split(separator: ",", omittingEmptySubsequences: false).map {
            String($0.trimmingPrefix { $0 == " " })
        }
        for path in paths {
            if path.isEmpty { reader.mistake("BRIDGE_SOCKET: '\(text)' has an empty path") }
            // sun_path of unix(7) has 108 bytes, and the take-over name beside it is a little longer.
            if path.utf8.count > 90 { reader.mistake("BRIDGE_SOCKET: '\(path)' is longer than 90 bytes") }
        }
        return paths
    }

    /// Nil when it is not set, for a process that can do without a bridge.
    public static func readOptional(_ reader: inout SettingsReader) -> [String]? {
        let isSet = reader.isSet("BRIDGE_SOCKET")
        let paths = readAll(&reader)
        return isSet ? paths : nil
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

/// `ALLOWED_ORIGINS`, which guards both edges.
public enum AllowedOriginsSetting {
    public static func read(_ reader: inout SettingsReader) -> [String] {
        let origins = reader.strings(
            "ALLOWED_ORIGINS", default: "[]",
            help: "JSON array of the origins that browsers may call from; `[\"*\"]` allows every one.")
        for origin in origins where !isOrigin(origin) {
            reader.mistake(
                "ALLOWED_ORIGINS: '\(origin)' is no origin; write it like https://shop.example, without a path"
            )
        }
        return origins
    }

    /// Whether a browser would ever send this (RFC 6454 §6.2).
    private static func isOrigin(_ origin: String) -> Bool {
        if origin == "*" || origin == "null" { return true }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].hasSuffix(":") && parts[0].count > 1 && parts[1].isEmpty
            && !parts[2].isEmpty && origin == origin.lowercased()
    }
}

extension Duration {
    /// Rounded towards zero.
    public var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
