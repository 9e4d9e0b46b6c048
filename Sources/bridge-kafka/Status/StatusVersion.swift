import Foundation
import NIOCore
import RawJSON
import Shared

/// Which of several updates of one thing is the later one, by a field of theirs: a whole number, which each has for itself
/// alone, or a time (RFC 3339).
struct StatusVersion: Sendable, Equatable {
    /// The fields that say it.
    struct Fields: Sendable {
        let version: String
        /// What it is a version of; where it is missing, the record's key counts.
        let thing: String
    }

    let thing: String
    /// Of 20 digits, so that texts compare as the versions do.
    let order: String
    /// Tells two updates of the same time apart; empty for numbers.
    let content: String

    /// Nil where an update has no version that can be compared; it is passed on then.
    init?(_ fields: Fields, of members: JSONObject, key: ByteBuffer?, value: ByteBuffer) {
        let named = members[fields.thing]
        guard
            let thing = named?.string ?? named?.integer.map({ String($0) })
                ?? key.map({ String(buffer: $0) }),
            !thing.isEmpty, let version = members[fields.version]
        else { return nil }
        self.thing = Digest.text(of: [thing])
        if let number = version.integer ?? version.string.flatMap({ Int($0) }), number >= 0 {
            order = Self.digits(number)
            content = ""
        } else if let text = version.string, let time = Self.microseconds(text) {
            order = Self.digits(time)
            content = Digest.text(of: value)
        } else {
            return nil
        }
    }

    /// Since 1970.
    private static func microseconds(_ text: String) -> Int? {
        // RFC 3339 §5.6 allows lower case.
        let text = text.uppercased()
        guard
            let date = (try? Date.ISO8601FormatStyle().parse(text))
                ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)),
            date.timeIntervalSince1970 >= 0, date.timeIntervalSince1970 < 1e12
        else { return nil }
        return Int((date.timeIntervalSince1970 * 1_000_000).rounded())
    }

    private static func digits(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: 20 - text.count) + text
    }
}
