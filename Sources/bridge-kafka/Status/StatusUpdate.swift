import KafkaClient
import NIOCore
import RawJSON
import Shared

/// What a status record means: an update of one user's, or something that goes to the dead-letter topic.
enum StatusUpdate: Equatable {
    case update(userID: String, data: ByteBuffer, version: StatusVersion?)
    case deadLetter(reason: String)

    static let userHeader = "x-user-id"

    init(_ record: KafkaMessage, userField: String, versionFields: StatusVersion.Fields?) {
        guard let value = record.value else {
            self = .deadLetter(reason: "the value is null")
            return
        }
        let members: JSONObject
        do throws(JSONSyntaxError) {
            members = try RawJSON.object(value)
        } catch {
            self = .deadLetter(reason: "the value is not a JSON object: \(error)")
            return
        }
        guard let user = UserID.text(members[userField]) ?? Self.user(record) else {
            self = .deadLetter(
                reason: "no user in the field \(userField), the header \(Self.userHeader) or the key")
            return
        }
        if let fault = UserID.fault(user) {
            self = .deadLetter(reason: "the user id \(fault)")
            return
        }
        let data = RawJSON.trimmed(value)
        self = .update(
            userID: user, data: data,
            version: versionFields.flatMap { StatusVersion($0, of: members, key: record.key, value: data) })
    }

    private static func user(_ record: KafkaMessage) -> String? {
        for candidate in [record.header(userHeader)?.value, record.key] {
            guard let candidate, candidate.readableBytes > 0,
                let text = String(validating: candidate.readableBytesView, as: UTF8.self)
            else { continue }
            return text
        }
        return nil
    }
}
