import Shared

/// What a client prefers of the time at which it is answered (RFC 7240 §4.1 and §4.3). Other preferences are ignored.
struct Preferences: Sendable, Equatable {
    /// Rather 202 than waiting, or than waiting in vain.
    private(set) var respondsAsync = false
    /// Seconds.
    private(set) var wait: Int?

    /// - Parameter field: the value of `Prefer`; several fields joined by commas.
    init(_ field: String?) {
        guard let field else { return }
        var seen: Set<String> = []
        for (name, value) in Self.parse(field) where seen.insert(name).inserted {
            switch name {
            case "respond-async": respondsAsync = true
            // No route's deadline is as long as a day.
            case "wait" where !value.isEmpty && value.allSatisfy(\.isASCIIDigit):
                wait = min(Int(value) ?? 86_400, 86_400)
            default: break
            }
        }
        // An answer in no time at all is possible only where it may be 202.
        if wait == 0, !respondsAsync { wait = nil }
    }

    /// Whether 202 is preferred to any waiting.
    var isImmediate: Bool { respondsAsync && (wait ?? 0) == 0 }

    /// A preference may shorten a deadline and never makes it longer.
    func timeout(_ routes: Duration) -> Duration {
        guard let wait, wait > 0 else { return routes }
        return min(routes, .seconds(wait))
    }

    /// The value of `Preference-Applied` where there is one.
    func applied(to routes: Duration, isAccepted: Bool) -> String? {
        var applied = isAccepted ? ["respond-async"] : []
        if let wait, wait > 0, .seconds(wait) < routes { applied.append("wait=\(wait)") }
        return applied.isEmpty ? nil : applied.joined(separator: ", ")
    }

    /// Names in lower case with their values; of parameters nothing is used.
    private static func parse(_ field: String) -> [(name: String, value: String)] {
        split(field, at: ",").map { preference in
            let parts = split(split(preference, at: ";").first ?? "", at: "=")
            var value = parts.dropFirst().first.map { $0[...].trimmed } ?? ""
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
                value = value.dropFirst().dropLast()
            }
            return ((parts.first ?? "")[...].trimmed.lowercased(), String(value))
        }
    }

    /// Splits outside quoted strings (RFC 9110 §5.6.4).
    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == separator, !isQuoted {
                parts.append("")
                continue
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = character == "\\" && isQuoted && !isEscaped
            parts[parts.count - 1].append(character)
        }
        return parts
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
