import Foundation

/// The formats that are checked (validation, §7.3); others say something to people only.
enum Format: String, Sendable {
    case date
    case dateTime = "date-time"
    case time
    case email
    case hostname
    case ipv4
    case ipv6
    case uri
    case uuid

    func matches(_ text: String) -> Bool {
        switch self {
        case .date: Self.isDate(text)
        case .time: Self.isTime(text[...])
        case .dateTime: Self.isDateTime(text)
        case .email: Self.isEmail(text)
        case .hostname: Self.isHostname(text[...])
        case .ipv4: Self.isIPv4(text)
        case .ipv6: Self.isIPv6(text)
        case .uri: Self.isURI(text)
        case .uuid: Self.isUUID(text)
        }
    }

    // MARK: - Times (RFC 3339, §5.6)

    private static func number(_ text: Substring, _ length: Int) -> Int? {
        guard text.utf8.count == length, text.utf8.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let year = number(parts[0], 4), let month = number(parts[1], 2),
            let day = number(parts[2], 2), (1...12).contains(month)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    private static func isTime(_ text: Substring) -> Bool {
        let clock = text.prefix(8).split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], 2), let minute = number(clock[1], 2),
            let second = number(clock[2], 2), hour < 24, minute < 60, second <= 60
        else { return false }
        var rest = text.dropFirst(8)
        if rest.first == "." {
            rest = rest.dropFirst()
            let fraction = rest.prefix { $0.utf8.allSatisfy(isDigit) }
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(fraction.count)
        }
        guard let offset = minutes(ofOffset: rest) else { return false }
        guard second == 60 else { return true }
        // A leap second is the last one of a day in UTC.
        return (hour * 60 + minute - offset + 2 * 1440) % 1440 == 1439
    }

    private static func minutes(ofOffset text: Substring) -> Int? {
        if text == "Z" || text == "z" { return 0 }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard text.first == "+" || text.first == "-", parts.count == 2, let hour = number(parts[0], 2),
            let minute = number(parts[1], 2), hour < 24, minute < 60
        else { return nil }
        return (text.first == "-" ? -1 : 1) * (hour * 60 + minute)
    }

    private static func isDateTime(_ text: String) -> Bool {
        guard text.utf8.count > 11, text.utf8.allSatisfy({ $0 < 0x80 }) else { return false }
        let separator = text[text.index(text.startIndex, offsetBy: 10)]
        return (separator == "T" || separator == "t") && isDate(String(text.prefix(10)))
            && isTime(text.dropFirst(11))
    }

    // MARK: - Names and addresses

    /// RFC 5321, §4.1.2, without comments and folding.
    private static func isEmail(_ text: String) -> Bool {
        guard let at = text.lastIndex(of: "@") else { return false }
        let (local, domain) = (text[..<at], text[text.index(after: at)...])
        guard (1...64).contains(local.utf8.count), text.utf8.count <= 254 else { return false }
        let isQuoted = local.count > 2 && local.hasPrefix("\"") && local.hasSuffix("\"")
        let isAtoms = local.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty
                && atom.utf8.allSatisfy {
                    $0 > 0x20 && $0 < 0x7F && !"()<>[]:;@\\,\"".utf8.contains($0)
                }
        }
        guard isQuoted || isAtoms else { return false }
        guard domain.hasPrefix("["), domain.hasSuffix("]") else { return isHostname(domain) }
        let address = domain.dropFirst().dropLast()
        return address.hasPrefix("IPv6:") ? isIPv6(String(address.dropFirst(5))) : isIPv4(String(address))
    }

    /// RFC 1123, §2.1.
    private static func isHostname(_ text: Substring) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    isDigit($0) || $0 == UInt8(ascii: "-") || (0x61...0x7A).contains($0 | 0x20)
                }
        }
    }

    private static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        // Without the forms that inet_aton would take: octal, and less than four parts.
        return text.split(separator: ".", omittingEmptySubsequences: false)
            .allSatisfy { $0.count == 1 || !$0.hasPrefix("0") } && inet_pton(AF_INET, text, &address) == 1
    }

    private static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }

    /// RFC 3986, with a scheme.
    private static func isURI(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), let first = text.utf8.first,
            (0x61...0x7A).contains(first | 0x20),
            text[..<colon].utf8.allSatisfy({
                isDigit($0) || (0x61...0x7A).contains($0 | 0x20) || "+-.".utf8.contains($0)
            }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}".utf8.contains($0) })
        else { return false }
        return URLComponents(string: text) != nil
    }

    private static func isUUID(_ text: String) -> Bool {
        text.utf8.count == 36 && UUID(uuidString: text) != nil
    }
}
