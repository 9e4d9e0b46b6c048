#if canImport(Glibc)
    import Glibc
#endif

/// The field `Retry-After` (RFC 9110 §10.2.3): seconds or a date.
package enum RetryAfter {
    /// What is longer is asked again after a day.
    package static let longest = Duration.seconds(86_400)

    /// Nil for what is neither.
    ///
    /// - Parameters:
    ///   - date: the answer's field `Date`, by whose clock the date was made.
    ///   - now: seconds since 1970, where there is no such field.
    package static func delay(_ field: String, date: String?, now: Int) -> Duration? {
        if !field.isEmpty, field.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return Int(field).map { min(longest, .seconds($0)) } ?? longest
        }
        guard let time = seconds(field) else { return nil }
        return max(.zero, min(longest, .seconds(time - (date.flatMap(seconds) ?? now))))
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of an HTTP-date in any of its three forms (RFC 9110 §5.6.7).
    private static func seconds(_ date: String) -> Int? {
        // Of `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
        let parts = date.split { " ,-".contains($0) }
        let (day, month, year, clock): (Substring, Substring, Substring, Substring)
        switch (parts.count, parts.last) {
        case (6, "GMT"): (day, month, year, clock) = (parts[1], parts[2], parts[3], parts[4])
        case (5, _): (day, month, year, clock) = (parts[2], parts[1], parts[4], parts[3])
        default: return nil
        }
        let times = clock.split(separator: ":").compactMap { Int32($0) }
        guard let month = months.firstIndex(of: String(month)), let day = Int32(day), (1...31).contains(day),
            let given = Int32(year), (0...9999).contains(given), times.count == 3,
            (0...23).contains(times[0]),
            (0...59).contains(times[1]), (0...60).contains(times[2])
        else { return nil }
        var time = tm()
        // Two digits are the nineties and what came after.
        time.tm_year = given > 99 ? given - 1900 : given < 70 ? given + 100 : given
        (time.tm_mon, time.tm_mday) = (Int32(month), day)
        (time.tm_hour, time.tm_min, time.tm_sec) = (times[0], times[1], times[2])
        return timegm(&time)
    }
}
