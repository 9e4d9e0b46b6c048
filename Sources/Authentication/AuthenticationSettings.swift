public import Shared

/// The settings `AUTH_JWT_*`.
public struct AuthenticationSettings: Sendable {
    enum Source: Sendable {
        case secret(String)
        case keys(KeySet)
    }

    let source: Source
    public let rules: ClaimRules

    /// Bytes; a key shorter than the hash weakens it (RFC 7518 §3.2).
    static let shortestSecret = 32

    /// Nil when nobody has to say who they are.
    public static func read(_ reader: inout SettingsReader) -> AuthenticationSettings? {
        let secret = reader.secret(
            "AUTH_JWT_SECRET",
            help: "Secret (at least 32 bytes) of the HS256 tokens by which clients say who they are.")
        let keys = reader.file(
            "AUTH_JWT_JWKS_FILE",
            help:
                "File with the JSON Web Key Set whose keys sign the tokens (RS, PS, ES, EdDSA), instead of a secret."
        )
        var rules = ClaimRules()
        rules.issuer = reader.optionalString(
            "AUTH_JWT_ISSUER", help: "The only `iss` of a token that is accepted.")
        rules.audience = reader.optionalString(
            "AUTH_JWT_AUDIENCE", help: "What `aud` of a token has to be or to hold.")
        rules.userClaim = reader.string(
            "AUTH_JWT_USER_CLAIM", default: "sub", help: "Claim of a token that holds the user's id.")
        rules.leeway =
            reader.milliseconds(
                "AUTH_JWT_LEEWAY", default: 5000, in: 0...600_000,
                help: "How far (ms) the clock of a token's issuer may be off."
            ).milliseconds
        guard let source = source(secret, keys, &reader) else {
            // Whoever sets these expects tokens to be checked.
            if rules.issuer != nil || rules.audience != nil {
                reader.mistake(
                    "AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE: need AUTH_JWT_SECRET or AUTH_JWT_JWKS_FILE")
            }
            return nil
        }
        return AuthenticationSettings(source: source, rules: rules)
    }

    private static func source(_ secret: String?, _ keys: String?, _ reader: inout SettingsReader) -> Source?
    {
        if secret != nil, keys != nil {
            reader.mistake("AUTH_JWT_SECRET and AUTH_JWT_JWKS_FILE: set one of the two")
            return nil
        }
        if let secret {
            if secret.utf8.count < shortestSecret {
                reader.mistake("AUTH_JWT_SECRET: is shorter than \(shortestSecret) bytes")
            }
            return .secret(secret)
        }
        guard let keys else { return nil }
        do {
            return .keys(try KeySet(keys))
        } catch {
            reader.mistake("AUTH_JWT_JWKS_FILE: \(error)")
            return nil
        }
    }
}
