import Logging
import NIOPosix
import NIOSSL
import Shared
import Synchronization

/// The certificate that new connections are shown. SIGHUP reads its files again: a right one replaces the old one, which
/// connections that are there keep; else the old one stays.
final class TLSCertificates: Reloadable {
    private let certificate: TLSCertificate
    private let logger: Logger
    private let context: Mutex<NIOSSLContext>

    init(_ settings: TLSSettings, logger: Logger) {
        certificate = settings.certificate
        self.logger = logger
        context = Mutex(settings.context)
    }

    var current: NIOSSLContext { context.withLock { $0 } }

    func reload() async {
        let certificate = certificate
        do {
            let new = try await NIOThreadPool.singleton.runIfActive { try certificate.context() }
            context.withLock { $0 = new }
            logger.info("certificate reloaded")
        } catch {
            logger.error("the certificate is wrong; the old one stays", metadata: ["mistake": "\(error)"])
        }
    }
}
