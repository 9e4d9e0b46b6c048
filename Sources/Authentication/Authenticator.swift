import JWTKit
public import Logging
public import Shared

/// Tells from a token who a client is.
public struct Authenticator: Sendable {
    private struct Key: Sendable {
        let id: String?
        let algorithm: any JWTAlgorithm
    }

    private let keys: [Key]
    private let rules: ClaimRules

    /// The authenticator of a process; nil where its settings name no keys, which is loudly said in production.
    ///
    /// - Parameter danger: what whoever reaches the port can do then.
    public static func of(
        _ settings: AuthenticationSettings?, in environment: CommonSettings.Environment, danger: String,
        logger: Logger
    ) async throws -> Authenticator? {
        guard let settings else {
            if environment == .production {
                logger.warning("NO AUTHENTICATION: \(danger); set AUTH_JWT_SECRET or AUTH_JWT_JWKS_FILE")
            }
            return nil
        }
        return try await Authenticator(settings)
    }

    /// - Throws: what JWTKit says of a key that ``AuthenticationSettings`` has let pass.
    public init(_ settings: AuthenticationSettings) async throws {
        rules = settings.rules
        let collection = JWTKeyCollection()
        switch settings.source {
        case .secret(let secret):
            await collection.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            keys = [Key(id: nil, algorithm: try await collection.getKey())]
        case .keys(let set):
            var keys: [Key] = []
            for key in set.keys {
                guard let id = key.keyIdentifier else { continue }
                try await collection.add(jwk: key)
                keys.append(
                    Key(
                        id: id.string.hasPrefix(KeySet.unnamed) ? nil : id.string,
                        algorithm: try await collection.getKey(for: id)))
            }
            self.keys = keys
        }
    }

    /// Checks the signature, and then what the token says.
    ///
    /// - Parameters:
    ///   - text: the token in compact form; nil or empty when the client has sent none.
    ///   - now: milliseconds since 1970.
    public func caller(of text: String?, now: Int64) throws(TokenFault) -> Caller {
        guard let text, !text.isEmpty else { throw .missing }
        let token = try SignedToken(text)
        let fitting = keys.filter { $0.algorithm.name == token.algorithm }
        guard !fitting.isEmpty else { throw .unsupportedAlgorithm }
        // Only keys of a set have ids; a token that names none is tried with all.
        let named = fitting.filter { $0.id == nil || token.keyID == nil || $0.id == token.keyID }
        guard !named.isEmpty else { throw .unknownKey }
        guard
            named.contains(where: { (try? $0.algorithm.verify(token.signature, signs: token.signed)) == true }
            )
        else { throw .wrongSignature }
        return try rules.check(token.claims, now: now)
    }

    /// The token of an `Authorization` header (RFC 6750 §2.1), or nil when it has none of that kind.
    public static func bearerToken(_ header: String?) -> String? {
        guard let parts = header?.split(separator: " ", maxSplits: 1), parts.count == 2,
            parts[0].lowercased() == "bearer"
        else { return nil }
        return parts[1].trimmingPrefix { $0 == " " }.isEmpty
            ? nil : String(parts[1].trimmingPrefix { $0 == " " })
    }
}
