import Foundation
import JWTKit
import Shared
import Testing

@testable import Authentication

private struct Claims: JWTPayload {
    var sub = "u1"
    var exp = 1_700_000_060
    func verify(using algorithm: some JWTAlgorithm) {}
}

@Suite struct AuthenticatorTests {
    private static let now: Int64 = 1_700_000_000_000
    private static let secret = "0123456789abcdef0123456789abcdef"

    private func settings(_ values: [String: String]) -> (AuthenticationSettings?, [String]) {
        var reader = SettingsReader(value: { values[$0] }, readFile: { values[$0] ?? "" })
        let settings = AuthenticationSettings.read(&reader)
        return (settings, reader.mistakes)
    }

    private func authenticator(_ values: [String: String]) async throws -> Authenticator {
        let (settings, mistakes) = settings(values)
        #expect(mistakes.isEmpty)
        return try await Authenticator(try #require(settings))
    }

    private func fault(_ authenticator: Authenticator, _ token: String?) -> TokenFault? {
        do throws(TokenFault) {
            _ = try authenticator.caller(of: token, now: Self.now)
            return nil
        } catch {
            return error
        }
    }

    private func encoded(_ text: String) -> String {
        Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    /// A token signed by JWTKit, with any header.
    private func token(_ header: JWTHeader = [:], secret: String = secret, _ claims: Claims = Claims())
        async throws
        -> String
    {
        try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            .sign(claims, header: header)
    }

    @Test func aSignedTokenNamesItsUser() async throws {
        let authenticator = try await authenticator(["AUTH_JWT_SECRET": Self.secret, "AUTH_JWT_LEEWAY": "0"])
        let caller = try authenticator.caller(of: try await token(), now: Self.now)
        #expect(caller == Caller(userID: "u1", expiresAt: 1_700_000_060_000))
        // One secret has no id, whatever the token calls it.
        #expect(fault(authenticator, try await token(["kid": "any"])) == nil)
    }

    @Test func whatIsNotSignedRightIsRefused() async throws {
        let authenticator = try await authenticator(["AUTH_JWT_SECRET": Self.secret])
        let good = try await token()
        let parts = good.split(separator: ".").map(String.init)
        let otherClaims = encoded(#"{"sub":"admin","exp":1700000060}"#)
        #expect(fault(authenticator, nil) == .missing)
        #expect(fault(authenticator, "") == .missing)
        #expect(
            fault(authenticator, try await token(secret: Self.secret.uppercased())) == .wrongSignature)
        #expect(fault(authenticator, "\(parts[0]).\(otherClaims).\(parts[2])") == .wrongSignature)
        #expect(fault(authenticator, "\(parts[0]).\(parts[1]).") == .wrongSignature)
        #expect(fault(authenticator, "\(parts[0]).\(parts[1]).\(parts[2])AAAA") == .wrongSignature)
        for algorithm in ["none", "None", "HS384", "RS256", "hs256"] {
            let header = encoded(#"{"alg":"\#(algorithm)"}"#)
            #expect(fault(authenticator, "\(header).\(parts[1]).\(parts[2])") == .unsupportedAlgorithm)
            #expect(fault(authenticator, "\(header).\(parts[1]).") == .unsupportedAlgorithm)
        }
        #expect(fault(authenticator, "\(encoded("{}")).\(parts[1]).\(parts[2])") == .unsupportedAlgorithm)
        let critical = encoded(#"{"alg":"HS256","crit":["b64"],"b64":false}"#)
        #expect(fault(authenticator, "\(critical).\(parts[1]).\(parts[2])") == .unsupportedAlgorithm)
    }

    @Test(arguments: [
        "x", "a.b", "a.b.c.d", "..", "e30.e30", "e30.bm8.e30", "W10.e30.e30", "e30=.e30.e30", "e3+.e30.e30",
        " e30.e30.e30", "e.e30.e30", "\u{0}.\u{0}.\u{0}",
    ])
    func whatIsNoTokenIsMalformed(text: String) async throws {
        let authenticator = try await authenticator(["AUTH_JWT_SECRET": Self.secret])
        #expect(fault(authenticator, text) == .malformed)
    }

    @Test func aTokenIsAtMostEightKilobytesLong() async throws {
        let authenticator = try await authenticator(["AUTH_JWT_SECRET": Self.secret])
        let long = try await token(["pad": .string(String(repeating: "x", count: SignedToken.longest))])
        #expect(fault(authenticator, long) == .malformed)
    }

    @Test func noFaultTellsTheToken() {
        #expect(Set(TokenFault.allCases.map(\.code)).count == TokenFault.allCases.count)
        #expect(Set(TokenFault.allCases.map(\.message)).count == TokenFault.allCases.count)
    }

    @Test func theClaimsAreCheckedAfterTheSignature() async throws {
        let authenticator = try await authenticator([
            "AUTH_JWT_SECRET": Self.secret, "AUTH_JWT_LEEWAY": "0",
        ])
        #expect(fault(authenticator, try await token(Claims(exp: 1_699_999_999))) == .expired)
        #expect(fault(authenticator, try await token(Claims(sub: ""))) == .noUser)
        let forged = try await token(secret: Self.secret.uppercased(), Claims(exp: 1))
        #expect(fault(authenticator, forged) == .wrongSignature)
    }

    private func token(_ claims: Claims) async throws -> String { try await token([:], claims) }

    // MARK: - Key sets

    private func jwk(_ key: ES256PrivateKey, _ more: String = "") throws -> String {
        let parameters = try #require(key.parameters)
        func url(_ text: String) -> String {
            text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        return
            #"{"kty":"EC","crv":"P-256","x":"\#(url(parameters.x))","y":"\#(url(parameters.y))"\#(more)}"#
    }

    private func sign(_ key: ES256PrivateKey, _ header: JWTHeader = [:]) async throws -> String {
        try await JWTKeyCollection().add(ecdsa: key).sign(Claims(), header: header)
    }

    @Test func everyKeyOfASetSigns() async throws {
        let (first, second, stranger) = (ES256PrivateKey(), ES256PrivateKey(), ES256PrivateKey())
        let set = try
            #"{"keys":[\#(jwk(first, #","kid":"a","alg":"ES256""#)),\#(jwk(second, #","kid":"b""#))]}"#
        let authenticator = try await authenticator(["AUTH_JWT_JWKS_FILE": "keys", "keys": set])
        #expect(fault(authenticator, try await sign(first, ["kid": "a"])) == nil)
        #expect(fault(authenticator, try await sign(second, ["kid": "b"])) == nil)
        #expect(fault(authenticator, try await sign(second)) == nil)
        #expect(fault(authenticator, try await sign(second, ["kid": "a"])) == .wrongSignature)
        #expect(fault(authenticator, try await sign(second, ["kid": "c"])) == .unknownKey)
        #expect(fault(authenticator, try await sign(stranger, ["kid": "a"])) == .wrongSignature)
        #expect(fault(authenticator, try await sign(stranger)) == .wrongSignature)
        // The public key is no secret, so nothing may be signed with its bytes.
        #expect(fault(authenticator, try await token(["kid": "a"])) == .unsupportedAlgorithm)
    }

    @Test func edDSAAndKeysWithoutIDs() async throws {
        let key = try EdDSA.PrivateKey()
        let x = key.publicKey.rawRepresentation.base64EncodedString().replacing("+", with: "-")
            .replacing("/", with: "_").replacing("=", with: "")
        let authenticator = try await authenticator([
            "AUTH_JWT_JWKS_FILE": "keys", "keys": #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"\#(x)"}]}"#,
        ])
        let signer = await JWTKeyCollection().add(eddsa: key)
        #expect(fault(authenticator, try await signer.sign(Claims())) == nil)
        #expect(fault(authenticator, try await signer.sign(Claims(), header: ["kid": "k1"])) == nil)
    }

    @Test func keysThatDoNotSignArePassedOver() async throws {
        let key = ES256PrivateKey()
        let others =
            #"{"kty":"oct","k":"AAAA"},{"kty":"RSA","use":"enc","n":"x","e":"AQAB"},{"kty":"XYZ"},"#
            + #"{"kty":"OKP","crv":"X25519","x":"AAAA"},7,{"kty":"RSA","alg":"RSA-OAEP","n":"x","e":"AQAB"}"#
        let authenticator = try await authenticator([
            "AUTH_JWT_JWKS_FILE": "keys", "keys": #"{"keys":[\#(others),\#(try jwk(key))]}"#,
        ])
        #expect(fault(authenticator, try await sign(key)) == nil)
        #expect(settings(["AUTH_JWT_JWKS_FILE": "keys", "keys": #"{"keys":[\#(others)]}"#]).1.count == 1)
    }

    // MARK: - Settings

    @Test func withoutKeysNobodyIsAsked() {
        let (settings, mistakes) = settings([:])
        #expect(settings == nil && mistakes.isEmpty)
    }

    @Test(
        arguments: [
            (["AUTH_JWT_SECRET": "short"], "AUTH_JWT_SECRET: is shorter than 32 bytes"),
            (["AUTH_JWT_SECRET_FILE": "f", "f": "\n"], "AUTH_JWT_SECRET: is shorter than 32 bytes"),
            (
                ["AUTH_JWT_SECRET": secret, "AUTH_JWT_JWKS_FILE": "f", "f": "{}"],
                "AUTH_JWT_SECRET and AUTH_JWT_JWKS_FILE: set one of the two"
            ),
            (["AUTH_JWT_JWKS_FILE": "f"], "AUTH_JWT_JWKS_FILE: is no JSON Web Key Set"),
            (
                ["AUTH_JWT_JWKS_FILE": "f", "f": "{\"keys\":{}}"],
                "AUTH_JWT_JWKS_FILE: is no JSON Web Key Set"
            ),
            (
                ["AUTH_JWT_JWKS_FILE": "f", "f": "{\"keys\":[]}"],
                "AUTH_JWT_JWKS_FILE: holds no key that RSA, EC or EdDSA signatures are checked with"
            ),
            (
                ["AUTH_JWT_JWKS_FILE": "f", "f": "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\"}]}"],
                "AUTH_JWT_JWKS_FILE: key 1 cannot be used: n or e is missing"
            ),
            (
                ["AUTH_JWT_ISSUER": "me"],
                "AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE: need AUTH_JWT_SECRET or AUTH_JWT_JWKS_FILE"
            ),
        ] as [([String: String], String)])
    func mistakes(values: [String: String], mistake: String) {
        #expect(settings(values).1 == [mistake])
    }

    @Test(arguments: [
        #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        #"{"kty":"EC","x":"AA","y":"AA"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
        #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
    ])
    func aKeyThatShouldWorkAndDoesNotIsAMistake(key: String) throws {
        let mistakes = settings(["AUTH_JWT_JWKS_FILE": "f", "f": "{\"keys\":[\(key)]}"]).1
        #expect(mistakes.count == 1)
        #expect(try #require(mistakes.first).hasPrefix("AUTH_JWT_JWKS_FILE: key 1 cannot be used:"))
    }

    @Test func aFileThatCannotBeReadIsAMistake() {
        var reader = SettingsReader(value: { $0 == "AUTH_JWT_JWKS_FILE" ? "/nonexistent" : nil })
        #expect(AuthenticationSettings.read(&reader) == nil)
        #expect(reader.mistakes.count == 1)
    }

    @Test(
        arguments: [
            (nil, nil), ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("Basic abc", nil), ("Bearer", nil),
            ("Bearer ", nil), ("abc", nil),
        ] as [(String?, String?)])
    func bearerTokens(header: String?, token: String?) {
        #expect(Authenticator.bearerToken(header) == token)
    }
}
