import Foundation
import NIOCore
import RawJSON
import Shared

/// A JSON Web Token taken apart, nothing of it being trusted yet (JWS compact serialization, RFC 7515 §3.1).
struct SignedToken {
    /// Bytes; real tokens have one or two thousand.
    static let longest = 8192

    let algorithm: String
    let keyID: String?
    let claims: JSONObject
    let signature: Data
    /// What the signature is of.
    let signed: Data

    init(_ text: String) throws(TokenFault) {
        guard text.utf8.count <= Self.longest else { throw .malformed }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
            let signature = Data(base64URL: parts[2])
        else { throw .malformed }
        // Extensions that must be understood are not (RFC 7515 §4.1.11).
        guard header["crit"] == nil, let algorithm = header["alg"]?.string else {
            throw .unsupportedAlgorithm
        }
        self.algorithm = algorithm
        keyID = header["kid"]?.string
        self.claims = claims
        self.signature = signature
        signed = Data(parts[0]) + [UInt8(ascii: ".")] + Data(parts[1])
    }

    private static func object(_ part: Substring.UTF8View) -> JSONObject? {
        guard let json = Data(base64URL: part) else { return nil }
        return try? RawJSON.object(ByteBuffer(bytes: json))
    }
}
