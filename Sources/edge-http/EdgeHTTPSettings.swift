import ActiveCampaign
import Authentication
import Foundation
import OTLPTracing
import Operations
import RedisClient
import RedisSettings
import Shared

/// The settings of `edge-http`.
struct EdgeHTTPSettings: ProcessSettings {
    static let process = "edge-http"

    let host: String
    let port: Int
    let adminHost: String
    let adminPort: Int
    let consolePeers: [ConsolePeer]
    let bridgeSockets: [String]
    let operations: OperationSettings
    let maxConnections: Int
    let maxInFlight: Int
    let timeouts: ClientTimeouts
    /// Nil: clients speak HTTP without TLS.
    let tls: TLSSettings?
    let cors: CORSPolicy
    let redis: RedisConfiguration
    /// How long keys, their answers and operations are kept.
    let operationLifetime: Duration
    /// Nil: no answers are cached.
    let cacheLifetime: Duration?
    let authentication: AuthenticationSettings?
    let rates: RateLimiter.Settings
    /// Nil: it is not told of anybody.
    let activeCampaign: ActiveCampaign.Settings?
    let demoPage: String
    /// Path of the documentation, without a slash at the end; nil: there is none.
    let documentationPath: String?
    /// Nil: no traces are made.
    let traces: TraceSettings?

    init(from reader: inout SettingsReader) {
        host = reader.string("APP_HOST", default: "0.0.0.0", help: "Address that edge-http listens on.")
        port = reader.port("APP_PORT", default: 4040, help: "Port of the REST API; 0 picks a free one.")
        adminHost = reader.string(
            "ADMIN_HOST", default: "127.0.0.1", help: "Address of the admin servers.")
        adminPort = reader.port(
            "HTTP_ADMIN_PORT", default: 4141,
            help: "Admin port of edge-http (`/livez`, `/readyz`, `/version`, `/counters`, `/metrics`, "
                + "`/errors`, `/report`, `/console`).")
        consolePeers = ConsolePeersSetting.read(&reader)
        bridgeSockets = BridgeSocketSetting.readAll(&reader)
        operations = OperationSettings(from: &reader)
        maxConnections = reader.integer(
            "HTTP_MAX_CONNECTIONS", default: 10_000, in: 1...1_000_000,
            help: "Connections that edge-http holds; it accepts no more until one closes.")
        maxInFlight = reader.integer(
            "HTTP_MAX_IN_FLIGHT", default: 2048, in: 1...1_000_000,
            help: "Requests that edge-http works on at once; more are answered 503.")
        timeouts = ClientTimeouts(from: &reader)
        tls = TLSSettings.read(&reader)
        cors = CORSPolicy(origins: AllowedOriginsSetting.read(&reader))
        redis = RedisConfiguration(from: &reader)
        operationLifetime = reader.milliseconds(
            "IDEMPOTENCY_TTL", default: 86_400_000, in: 1000...2_592_000_000,
            help: "Time (ms) for which an `Idempotency-Key` and late answers at `/operations` are kept.")
        cacheLifetime = CacheSetting.read(&reader)
        authentication = AuthenticationSettings.read(&reader)
        rates = RateLimiter.Settings(from: &reader)
        demoPage = reader.string(
            "DEMO_PAGE", default: "deploy/page/index.html",
            help: "File that is served at `/` when NODE_ENV is `local`.")
        documentationPath = Self.documentationPath(&reader)
        activeCampaign = ActiveCampaign.Settings.read(&reader)
        traces = TraceSettings.read(&reader)
    }

    /// Of a URL the path counts: where the gateway is to be found is not its own business.
    private static func documentationPath(_ reader: inout SettingsReader) -> String? {
        let text = reader.string(
            "SWAGGER_URL", default: "/docs",
            help: "Path or URL of the API documentation; `off`: there is none.")
        guard text.lowercased() != "off" else { return nil }
        guard let url = URLComponents(string: text), url.path.hasPrefix("/"), url.path != "/",
            url.query == nil, url.fragment == nil, url.path != HealthCheck.path
        else {
            reader.mistake("SWAGGER_URL: '\(text)' is no path, nor a URL with one")
            return nil
        }
        return url.path.hasSuffix("/") ? String(url.path.dropLast()) : url.path
    }
}
