import Foundation
import Synchronization

/// The time as the header `Date` has it (IMF-fixdate, RFC 9110 §5.6.7).
enum HTTPDate {
    private static let format = Date.VerbatimFormatStyle(
        format: """
            \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
            \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\
            \(second: .twoDigits) GMT
            """,
        locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian))
    private static let latest = Mutex((second: 0, text: ""))

    /// Formatted once a second, however many connections end in it.
    static func now(_ date: Date = .now) -> String {
        let second = Int(date.timeIntervalSince1970)
        return latest.withLock { latest in
            if latest.second != second { latest = (second, date.formatted(format)) }
            return latest.text
        }
    }
}
