public import NIOSSL
import Shared

/// Certificates and keys that settings name by their files. Reading blocks.
public enum PEMFile {
    /// KiB: systems' bundles of authorities have some 200.
    private static let limit = 1024

    /// Why a file cannot be used.
    public struct Mistake: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    /// The certificates of a file in PEM, at least one.
    public static func certificates(_ path: String) throws(Mistake) -> [NIOSSLCertificate] {
        let certificates = try parse(path, "certificate in PEM") { try NIOSSLCertificate.fromPEMBytes($0) }
        guard !certificates.isEmpty else {
            throw Mistake(description: "\(path) holds no certificate in PEM")
        }
        return certificates
    }

    public static func privateKey(_ path: String) throws(Mistake) -> NIOSSLPrivateKey {
        try parse(path, "private key in PEM that is not encrypted") { bytes in
            // Without an answer of its own BoringSSL would ask the terminal for the passphrase.
            try NIOSSLPrivateKey(bytes: bytes, format: .pem) { use in use([UInt8]()) }
        }
    }

    private static func parse<Value>(
        _ path: String, _ what: String, _ parse: ([UInt8]) throws -> Value
    ) throws(Mistake) -> Value {
        let text: String
        do {
            text = try SettingsReader.contents(ofFile: path, limit: limit)
        } catch {
            throw Mistake(description: "cannot read \(path): \(error)")
        }
        do {
            return try parse([UInt8](text.utf8))
        } catch {
            throw Mistake(description: "\(path) holds no \(what)")
        }
    }
}
