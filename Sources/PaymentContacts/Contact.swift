public import NIOCore
import RawJSON
import Shared

/// Whom a payment's intent names: `receipt_email`, else the customer's e-mail.
public struct Contact: Sendable, Equatable {
    /// Bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
    static let longestEmail = 254
    /// Bytes.
    static let longestName = 255

    let email: String
    let firstName: String?
    let lastName: String?

    init(email: String, firstName: String? = nil, lastName: String? = nil) {
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
    }

    /// Nil when the body of the intent names nobody.
    init?(intent body: ByteBuffer) {
        guard let members = try? RawJSON.object(body) else { return nil }
        let customer = members["customer"].flatMap { try? RawJSON.object($0.text) }
        let candidates = [members["receipt_email"]?.string, customer?["email"]?.string]
        guard let email = candidates.lazy.compactMap({ $0 }).first(where: Self.isEmail) else { return nil }
        let name = customer?["name"]?.string ?? ""
        let words = Self.isName(name) ? name.split(separator: " ") : []
        self.init(
            email: email, firstName: words.first.map(String.init),
            lastName: words.count > 1 ? words.dropFirst().joined(separator: " ") : nil)
    }

    /// Roughly: what an address is, ActiveCampaign decides.
    private static func isEmail(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count > 1 && parts.allSatisfy { !$0.isEmpty } && text.utf8.count <= longestEmail
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F } && !CardNumber.isIn(text)
    }

    /// An operation that takes card data may be given it in any place, but it goes nowhere else.
    private static func isName(_ text: String) -> Bool {
        text.utf8.count <= longestName && !CardNumber.isIn(text)
    }

    /// As it is kept until the payment succeeds, and as ActiveCampaign's `contact/sync` wants it.
    public var json: ByteBuffer {
        var buffer = ByteBuffer(string: "{\"email\":")
        buffer.writeJSONString(email)
        for (name, value) in [("firstName", firstName), ("lastName", lastName)] {
            guard let value else { continue }
            buffer.writeString(",\"\(name)\":")
            buffer.writeJSONString(value)
        }
        buffer.writeStaticString("}")
        return buffer
    }

    /// Reads what ``json`` has written.
    public init?(json: ByteBuffer) {
        guard let members = try? RawJSON.object(json), let email = members["email"]?.string else {
            return nil
        }
        self.init(
            email: email, firstName: members["firstName"]?.string, lastName: members["lastName"]?.string)
    }
}
