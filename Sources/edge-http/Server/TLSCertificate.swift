import NIOSSL
import Shared
import TLSFiles

#if canImport(Glibc)
    import Glibc
#endif

/// The files of the server's certificate.
struct TLSCertificate: Sendable {
    /// The certificate and those that lead from it to a root, in PEM.
    let chainPath: String
    /// Its key, in PEM, not encrypted.
    let keyPath: String

    /// Reads and checks the files. Blocks.
    ///
    /// - Parameter now: seconds since 1970.
    func context(now: Int = time(nil)) throws(PEMFile.Mistake) -> NIOSSLContext {
        let chain = try PEMFile.certificates(chainPath)
        let key = try PEMFile.privateKey(keyPath)
        let leaf = chain[0]
        guard leaf.notValidAfter > now else {
            throw PEMFile.Mistake(description: "the certificate of \(chainPath) has expired")
        }
        guard leaf.notValidBefore <= now else {
            throw PEMFile.Mistake(description: "the certificate of \(chainPath) is not valid yet")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // Those that TLS 1.2 has and HTTP/2 allows (RFC 9113 §9.2.2).
        configuration.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
        configuration.applicationProtocols = ["h2", "http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw PEMFile.Mistake(
                description: "the key of \(keyPath) does not belong to the certificate of \(chainPath)")
        }
    }
}

/// The settings of TLS, when there is a certificate.
struct TLSSettings: Sendable {
    let certificate: TLSCertificate
    let context: NIOSSLContext

    /// Nil when no certificate is configured, or a wrong one, which is a mistake.
    static func read(_ reader: inout SettingsReader) -> TLSSettings? {
        let chain = reader.optionalString(
            "HTTP_TLS_CERT",
            help:
                "PEM file of edge-http's certificate and its chain; with it clients speak TLS (HTTP/2, HTTP/1.1)."
        )
        let key = reader.optionalString(
            "HTTP_TLS_KEY", help: "PEM file of its private key. SIGHUP reads both files again.")
        reader.expectBoth("HTTP_TLS_CERT", chain, "HTTP_TLS_KEY", key)
        guard let chain, let key else { return nil }
        let certificate = TLSCertificate(chainPath: chain, keyPath: key)
        do throws(PEMFile.Mistake) {
            return TLSSettings(certificate: certificate, context: try certificate.context())
        } catch {
            reader.mistake("HTTP_TLS_CERT, HTTP_TLS_KEY: \(error)")
            return nil
        }
    }
}
