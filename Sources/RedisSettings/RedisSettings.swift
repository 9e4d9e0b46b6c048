import NIOSSL
public import RedisClient
public import Shared
import TLSFiles

/// `REDIS_…`, which all processes share.
extension RedisConfiguration {
    public init(from reader: inout SettingsReader) {
        self.init(
            host: reader.string("REDIS_HOST", default: "127.0.0.1", help: "Host of Redis."),
            port: reader.port("REDIS_PORT", default: 6379, help: "Port of Redis."))
        credentials = Self.credentials(&reader)
        tls = Self.tls(&reader)
    }

    private static func credentials(_ reader: inout SettingsReader) -> Credentials? {
        let user = reader.optionalString(
            "REDIS_USERNAME", help: "User that the gateway is in Redis; empty: Redis' default user.")
        guard let password = reader.secret("REDIS_PASSWORD", help: "Password of that user.") else {
            if user != nil { reader.mistake("REDIS_USERNAME: there is no REDIS_PASSWORD") }
            return nil
        }
        if password.isEmpty { reader.mistake("REDIS_PASSWORD: it is empty") }
        return Credentials(user: user, password: password)
    }

    private static func tls(_ reader: inout SettingsReader) -> NIOSSLContext? {
        let isOn =
            reader.choice(
                "REDIS_TLS", default: "off", of: ["on": true, "off": false],
                help: "`on`: Redis is reached by TLS; its certificate has to name REDIS_HOST or its address.")
            ?? false
        let authorities = reader.optionalString(
            "REDIS_TLS_CA",
            help: "PEM file of the authorities that sign Redis' certificate; empty: the system's.")
        let certificate = reader.optionalString(
            "REDIS_TLS_CERT",
            help: "PEM file of the gateway's own certificate, for a Redis that asks for one.")
        let key = reader.optionalString("REDIS_TLS_KEY", help: "PEM file of that certificate's private key.")
        guard isOn else {
            if [authorities, certificate, key].contains(where: { $0 != nil }) {
                reader.mistake("REDIS_TLS_…: REDIS_TLS is off")
            }
            return nil
        }
        reader.expectBoth("REDIS_TLS_CERT", certificate, "REDIS_TLS_KEY", key)
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            if let authorities {
                configuration.trustRoots = .certificates(try PEMFile.certificates(authorities))
            }
            if let certificate, let key {
                configuration.certificateChain = try PEMFile.certificates(certificate).map {
                    .certificate($0)
                }
                configuration.privateKey = .privateKey(try PEMFile.privateKey(key))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch let mistake as PEMFile.Mistake {
            reader.mistake("REDIS_TLS_…: \(mistake)")
            return nil
        } catch {
            let reason = key == nil ? "\(error)" : "the key does not belong to the certificate"
            reader.mistake("REDIS_TLS_…: \(reason)")
            return nil
        }
    }
}
