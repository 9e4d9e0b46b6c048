import NIOCore
public import RawJSON
import Shared

/// Who a client is, and until when that holds.
public struct Caller: Sendable, Equatable {
    public let userID: String
    /// Milliseconds since 1970; the allowance for clocks that differ is in it.
    public let expiresAt: Int64

    public init(userID: String, expiresAt: Int64) {
        self.userID = userID
        self.expiresAt = expiresAt
    }
}

/// What the claims of a token must say (RFC 7519 §4.1), its signature aside.
public struct ClaimRules: Sendable, Equatable {
    /// Nil accepts every issuer.
    public var issuer: String?
    /// Nil accepts tokens for anybody.
    public var audience: String?
    public var userClaim = "sub"
    /// How far (ms) the issuer's clock may be ahead or behind.
    public var leeway: Int64 = 0

    public init() {}

    /// - Parameter now: milliseconds since 1970.
    public func check(_ claims: JSONObject, now: Int64) throws(TokenFault) -> Caller {
        // A token that never expires could not be taken back.
        guard let claim = claims["exp"] else { throw .noExpiry }
        guard let expiry = Self.milliseconds(claim) else { throw .malformed }
        let expiresAt = expiry + leeway
        guard now < expiresAt else { throw .expired }
        if let notBefore = claims["nbf"] {
            guard let notBefore = Self.milliseconds(notBefore) else { throw .malformed }
            guard now >= notBefore - leeway else { throw .notYetValid }
        }
        if let issuer, claims["iss"]?.string != issuer { throw .wrongIssuer }
        if let audience, !Self.audiences(claims["aud"]).contains(audience) { throw .wrongAudience }
        guard let userID = UserID.text(claims[userClaim]), UserID.isValid(userID) else { throw .noUser }
        return Caller(userID: userID, expiresAt: expiresAt)
    }

    /// A NumericDate: seconds since 1970, perhaps with a fraction (RFC 7519 §2).
    private static func milliseconds(_ claim: JSONValue) -> Int64? {
        guard claim.kind == .number, let seconds = Double(String(buffer: claim.text)),
            // Up to the year 9999, so that no sum overflows.
            (0...253_402_300_799).contains(seconds)
        else { return nil }
        return Int64(seconds * 1000)
    }

    /// One string, or an array of them (RFC 7519 §4.1.3).
    private static func audiences(_ claim: JSONValue?) -> [String] {
        guard let claim else { return [] }
        if let one = claim.string { return [one] }
        return (try? RawJSON.array(claim.text))?.compactMap(\.string) ?? []
    }
}
