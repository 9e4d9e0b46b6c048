/// Why a client's token does not say who it is. The texts never hold a part of the token.
public enum TokenFault: String, Error, Sendable, CaseIterable {
    case missing = "token-missing"
    case malformed = "token-malformed"
    case unsupportedAlgorithm = "token-algorithm"
    case unknownKey = "token-key"
    case wrongSignature = "token-signature"
    case noExpiry = "token-without-expiry"
    case expired = "token-expired"
    case notYetValid = "token-not-yet-valid"
    case wrongIssuer = "token-issuer"
    case wrongAudience = "token-audience"
    case noUser = "token-without-user"

    /// Stable, for programs.
    public var code: String { rawValue }

    /// For people.
    public var message: String {
        switch self {
        case .missing: "A token is needed."
        case .malformed: "The token is no JSON Web Token in compact form."
        case .unsupportedAlgorithm: "The token is signed in a way that is not accepted."
        case .unknownKey: "The token is signed by a key that is not known."
        case .wrongSignature: "The token's signature is wrong."
        case .noExpiry: "The token does not say when it expires."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .wrongIssuer: "The token is another issuer's."
        case .wrongAudience: "The token is meant for somebody else."
        case .noUser: "The token does not name its user."
        }
    }
}
