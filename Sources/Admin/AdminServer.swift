import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
public import ServiceLifecycle
import Shared

/// What a process lacks before it can do its work.
public struct Readiness: Sendable {
    /// One sentence for each thing that is missing; empty means ready.
    public let missing: [String]

    public init(missing: [String]) { self.missing = missing }
}

/// The HTTP server for operators, apart from the public port: `/livez`, `/readyz`, `/version` and `/counters`.
public struct AdminServer: Service {
    private let application: Application<RouterResponder<BasicRequestContext>>

    /// - Parameters:
    ///   - port: 0 picks a free port; the log line `admin listening` names it.
    ///   - counters: called for each `GET /counters`: numbers by group and name.
    ///   - readiness: called for each `GET /readyz`; it must not block.
    public init(
        host: String, port: Int, process: String, logger: Logger,
        counters: @escaping @Sendable () async -> [String: [String: Int]],
        readiness: @escaping @Sendable () -> Readiness
    ) {
        let router = Router()
        router.get("livez") { _, _ in Report(status: .ok, body: LiveBody()) }
        router.get("version") { _, _ in
            Report(status: .ok, body: VersionBody(process: process, version: Build.version))
        }
        router.get("counters") { _, _ in Report(status: .ok, body: await counters()) }
        router.get("readyz") { _, _ in
            let missing = readiness().missing
            return Report(
                status: missing.isEmpty ? .ok : .serviceUnavailable,
                body: ReadyBody(ready: missing.isEmpty, missing: missing))
        }
        var serverLogger = logger
        serverLogger.logLevel = max(.warning, logger.logLevel)
        application = Application(
            router: router,
            configuration: .init(address: .hostname(host, port: port), serverName: nil),
            onServerRunning: { channel in
                logger.info(
                    "admin listening",
                    metadata: ["host": "\(host)", "port": "\(channel.localAddress?.port ?? port)"])
            },
            logger: serverLogger)
    }

    public func run() async throws { try await application.run() }
}

private struct LiveBody: Encodable { let live = true }
private struct VersionBody: Encodable { let process, version: String }
private struct ReadyBody: Encodable {
    let ready: Bool
    let missing: [String]
}

/// A JSON answer with a status of its own.
private struct Report<Body: Encodable & Sendable>: ResponseGenerator {
    let status: HTTPResponse.Status
    let body: Body

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try context.responseEncoder.encode(body, from: request, context: context)
        response.status = status
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
