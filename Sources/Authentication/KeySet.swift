import JWTKit
import NIOCore
import RawJSON

/// The public keys of a JSON Web Key Set (RFC 7517) that tokens may be signed with.
struct KeySet: Sendable {
    /// A set may hold so many keys that sign; tokens without a key's id are tried with each.
    static let most = 32

    let keys: [JWK]

    /// Keys that are not for signatures, or of a kind that is not known, are passed over (RFC 7517 §5).
    ///
    /// - Throws: ``Mistake`` for a key that should work and does not, and when no key is left.
    init(_ json: String) throws(Mistake) {
        guard let set = try? RawJSON.object(ByteBuffer(string: json)), let items = set["keys"],
            let entries = try? RawJSON.array(items.text)
        else { throw Mistake("is no JSON Web Key Set") }
        var keys: [JWK] = []
        for (index, entry) in entries.enumerated() {
            guard let members = try? RawJSON.object(entry.text), Self.signs(members) else { continue }
            do {
                keys.append(try Self.key(String(buffer: entry.text), index))
            } catch {
                throw Mistake("key \(index + 1) cannot be used: \(error)")
            }
        }
        guard !keys.isEmpty else {
            throw Mistake("holds no key that RSA, EC or EdDSA signatures are checked with")
        }
        guard keys.count <= Self.most else { throw Mistake("holds more than \(Self.most) keys") }
        self.keys = keys
    }

    struct Mistake: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static func signs(_ members: JSONObject) -> Bool {
        guard let type = members["kty"]?.string, ["RSA", "EC", "OKP"].contains(type) else { return false }
        if let use = members["use"]?.string, use != "sig" { return false }
        if let algorithm = members["alg"]?.string,
            algorithm.hasPrefix("RSA-OAEP") || algorithm.hasPrefix("ECDH")
        {
            return false
        }
        return type != "OKP" || members["crv"]?.string == "Ed25519"
    }

    private static func key(_ json: String, _ index: Int) throws -> JWK {
        var key = try JWK(json: json)
        // Of a private key only the public half is wanted.
        (key.privateExponent, key.prime1, key.prime2) = (nil, nil, nil)
        if key.keyIdentifier == nil { key.keyIdentifier = JWKIdentifier(string: "\(unnamed)\(index)") }
        switch key.keyType {
        case .rsa:
            guard let modulus = key.modulus, let exponent = key.exponent else {
                throw Mistake("n or e is missing")
            }
            _ = try Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent)
            try fix(&key, .rs256, of: [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512])
        case .ecdsa:
            guard let x = key.x, let y = key.y else { throw Mistake("x or y is missing") }
            switch key.curve?.rawValue {
            case "P-256":
                _ = try ES256PublicKey(parameters: (x, y))
                try fix(&key, .es256, of: [.es256])
            case "P-384":
                _ = try ES384PublicKey(parameters: (x, y))
                try fix(&key, .es384, of: [.es384])
            case "P-521":
                _ = try ES512PublicKey(parameters: (x, y))
                try fix(&key, .es512, of: [.es512])
            default: throw Mistake("crv is missing")
            }
        default:
            guard let x = key.x else { throw Mistake("x is missing") }
            _ = try EdDSA.PublicKey(x: x, curve: .ed25519)
            try fix(&key, .eddsa, of: [.eddsa])
        }
        return key
    }

    /// A key has one algorithm, so that no token chooses (RFC 8725 §3.1).
    private static func fix(_ key: inout JWK, _ usual: JWK.Algorithm, of possible: [JWK.Algorithm]) throws {
        let algorithm = key.algorithm ?? usual
        guard possible.contains(algorithm) else { throw Mistake("alg does not fit the kind of key") }
        key.algorithm = algorithm
    }

    /// No token can name a key by this.
    static let unnamed = "\u{0}"
}
