import NIOCore
import Shared
import SocketIO
import Synchronization

/// How often the clients of one address may open a session.
final class ConnectLimit: Sendable {
    private let proxies: TrustedProxies
    private let refusals: Refusals
    private let rates: Mutex<AddressRates>

    init(_ rate: Rate, proxies: TrustedProxies, refusals: Refusals) {
        self.proxies = proxies
        self.refusals = refusals
        rates = Mutex(AddressRates(rate, now: .now()))
    }

    @Sendable func allows(_ request: SessionRequest) -> Bool {
        // A connection that is gone already has no address.
        guard let peer = request.remoteAddress.flatMap({ IPAddress($0) }) else { return false }
        let client = proxies.client(peer, forwardedFor: request.forwardedFor)
        if rates.withLock({ $0.take(client, .now()) }) { return true }
        refusals.count("connect-rate")
        return false
    }
}
