import Foundation
public import NIOCore
public import RawJSON

/// A user as services and clients name them: compared as a string, so that 123 and "123" are the same user.
public enum UserID {
    /// Why a text is no user's id; the raw values are codes for clients.
    public enum Fault: String, Sendable, CustomStringConvertible {
        case length = "user-id-too-long"
        case normalization = "user-id-not-normalized"

        public var description: String {
            switch self {
            case .length: "is longer than \(UserID.longest) bytes"
            case .normalization: "is not in Unicode's normalization form C"
            }
        }
    }

    /// Bytes; ids become parts of Redis keys.
    public static let longest = 256

    /// A non-empty string as it is, an integer by its digits; nil for anything else.
    public static func text(_ value: JSONValue?) -> String? {
        guard let text = value?.string ?? value?.integer.map(String.init), !text.isEmpty else { return nil }
        return text
    }

    public static func isValid(_ text: String) -> Bool { !text.isEmpty && fault(text) == nil }

    /// Nil for the empty text too, which names nobody.
    public static func fault(_ text: String) -> Fault? {
        if text.utf8.count > longest { return .length }
        return text.isNormalized ? nil : .normalization
    }
}

extension String {
    /// Whether it is in normalization form C (Unicode Standard Annex #15). Strings that are, are equal only when their bytes
    /// are; of others Swift takes some for the same that Redis, Kafka and services tell apart, such as "K" and the Kelvin sign.
    public var isNormalized: Bool {
        utf8.allSatisfy { $0 < 0x80 } || utf8.elementsEqual(precomposedStringWithCanonicalMapping.utf8)
    }
}

/// What Redis holds for each user. The braces put both keys of a user into one slot of a cluster.
public enum UserKeys {
    /// A stream with the fields `event` and `data`, bounded in length and age.
    public static func history(_ userID: String) -> String { "vy:user:{\(userID)}:history" }

    /// A channel whose messages are ``UserUpdate``s.
    public static func updates(_ userID: String) -> String { "\(updatesPrefix)\(userID)\(updatesSuffix)" }

    /// The user of a channel, or nil when the channel is no user's.
    public static func userID(ofUpdates channel: String) -> String? {
        // By bytes: this is asked for each update.
        let bytes = channel.utf8
        guard bytes.starts(with: updatesPrefix.utf8),
            bytes.count > updatesPrefix.utf8.count + updatesSuffix.utf8.count,
            bytes.suffix(updatesSuffix.utf8.count).elementsEqual(updatesSuffix.utf8)
        else { return nil }
        return String(
            Substring(bytes.dropFirst(updatesPrefix.utf8.count).dropLast(updatesSuffix.utf8.count)))
    }

    private static let updatesPrefix = "vy:user:{"
    private static let updatesSuffix = "}:updates"
}

/// One message of a user's channel: `{"id":"<stream id>","prev":"<stream id>","event":"<name>","data":<JSON>}`,
/// with `"trace":"<traceparent>"` where somebody traces.
public struct UserUpdate: Sendable, Equatable {
    public let id: StreamID
    /// The update before this one in the user's history, ``StreamID/zero`` for the first; nil where it is not named.
    public let previous: StreamID?
    public let event: String
    /// Raw JSON.
    public let data: ByteBuffer
    /// The span that it comes from.
    public let trace: TraceContext?

    public init(
        id: StreamID, previous: StreamID?, event: String, data: ByteBuffer, trace: TraceContext? = nil
    ) {
        self.id = id
        self.previous = previous
        self.event = event
        self.data = data
        self.trace = trace
    }

    /// Nil when the message is not of this form.
    public init?(_ message: ByteBuffer) {
        guard let members = try? RawJSON.object(message),
            let id = members["id"]?.string.flatMap({ StreamID($0) }), let event = members["event"]?.string,
            let data = members["data"]?.text
        else { return nil }
        let previous = members["prev"]?.string.flatMap { StreamID($0) }
        let trace = members["trace"]?.string.flatMap { TraceContext(parent: $0) }
        self.init(id: id, previous: previous, event: event, data: data, trace: trace)
    }
}

/// The id of an entry in a Redis stream: milliseconds since 1970 and a number within them.
public struct StreamID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Before every entry.
    public static let zero = StreamID(milliseconds: 0)

    public let milliseconds: UInt64
    public let sequence: UInt64

    public init(milliseconds: UInt64, sequence: UInt64 = 0) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Reads `<milliseconds>-<sequence>`.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = UInt64(Substring(parts[0])),
            let sequence = UInt64(Substring(parts[1]))
        else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    public static func < (left: StreamID, right: StreamID) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }

    public var description: String { "\(milliseconds)-\(sequence)" }
}
