import Crypto
import Foundation
import NIOCore
import NIOFoundationCompat
import Shared

/// What every replica has to know of a connection to go on with it: the content of Socket.IO's `pid`.
///
/// It is signed, so that no replica has to remember any, and a connection survives the one that it was made by.
struct PrivateID: Equatable, Sendable {
    /// Of the Socket.IO connection.
    let socketID: String
    /// Nil for a connection that had no user when it was made.
    let userID: String?
    /// The user's last update before the connection was made.
    let position: StreamID

    private static let version: UInt8 = 1
    private static let tagLength = SHA256.byteCount
    /// Characters; longer texts are not looked at.
    private static let longest = 1024

    init(socketID: String, userID: String?, position: StreamID) {
        self.socketID = socketID
        self.userID = userID
        self.position = position
    }

    /// The text for the client: base64url of the content and its HMAC-SHA256.
    func signed(with key: SymmetricKey) -> String {
        var content = ByteBuffer()
        content.writeInteger(Self.version)
        content.writeInteger(position.milliseconds)
        content.writeInteger(position.sequence)
        content.writeInteger(UInt8(truncatingIfNeeded: socketID.utf8.count))
        content.writeString(socketID)
        if let userID { content.writeString(userID) }
        let tag = HMAC<SHA256>.authenticationCode(for: content.readableBytesView, using: key)
        content.writeBytes(Array(tag))
        return Data(content.readableBytesView)
            .base64EncodedString(options: [.base64URLAlphabet, .omitPaddingCharacter])
    }

    /// Nil for anything that was not signed with this key.
    init?(_ text: String, key: SymmetricKey) {
        guard text.utf8.count <= Self.longest, let data = Data(base64URL: text.utf8),
            data.count > Self.tagLength
        else { return nil }
        let (bytes, tag) = (data.dropLast(Self.tagLength), data.suffix(Self.tagLength))
        guard HMAC<SHA256>.isValidAuthenticationCode(tag, authenticating: bytes, using: key) else {
            return nil
        }
        var content = ByteBuffer(bytes: bytes)
        guard content.readInteger(as: UInt8.self) == Self.version,
            let milliseconds = content.readInteger(as: UInt64.self),
            let sequence = content.readInteger(as: UInt64.self),
            let length = content.readInteger(as: UInt8.self),
            let socketID = content.readString(length: Int(length)),
            let userID = content.readString(length: content.readableBytes)
        else { return nil }
        self.init(
            socketID: socketID, userID: userID.isEmpty ? nil : userID,
            position: StreamID(milliseconds: milliseconds, sequence: sequence))
    }
}

/// What a client keeps of the last event that it got: the update's id and whose it was, `<stream id>/<user id>`.
///
/// A socket may get its user only after it was connected, which its `pid` cannot tell.
struct UpdateOffset: Equatable, Sendable, CustomStringConvertible {
    let id: StreamID
    let userID: String

    init(id: StreamID, userID: String) {
        self.id = id
        self.userID = userID
    }

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let id = StreamID(String(parts[0])), UserID.isValid(String(parts[1])) else {
            return nil
        }
        self.init(id: id, userID: String(parts[1]))
    }

    var description: String { "\(id)/\(userID)" }
}
