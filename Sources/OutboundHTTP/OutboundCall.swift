public import AsyncHTTPClient
import FoundationEssentials
public import NIOCore
public import NIOHTTP1
import Shared

/// Calls of other systems over HTTP, off the way of requests: what goes wrong is a result, which its caller judges.
public enum OutboundCall {
    public enum Result: Sendable {
        case answer(status: Int, headers: HTTPHeaders, body: ByteBuffer)
        case noAnswer(reason: String)
    }

    /// A client that does what it is told and no more: credentials must not follow a redirection, and retries are for the
    /// caller to decide.
    public static func client() -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }

    /// - Parameters:
    ///   - timeout: from the connection to the last byte of the answer.
    ///   - longestAnswer: bytes of its body; a longer one is no answer.
    /// - Throws: `CancellationError` alone: a body that is cut off by that could look whole.
    public static func result(
        of request: HTTPClientRequest, with client: HTTPClient, within timeout: Duration,
        longestAnswer: Int
    ) async throws -> Result {
        // The client's own deadline ends with the answer's head.
        let result = await withTaskGroup(of: Result.self) { group in
            group.addTask {
                do {
                    let response = try await client.execute(request, timeout: TimeAmount(timeout))
                    return .answer(
                        status: Int(response.status.code), headers: response.headers,
                        body: try await response.body.collect(upTo: longestAnswer))
                } catch {
                    return .noAnswer(reason: "no answer: \(error)")
                }
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return .noAnswer(reason: "no answer within \(timeout.milliseconds) ms")
            }
            defer { group.cancelAll() }
            return await group.next() ?? .noAnswer(reason: "no answer")
        }
        try Task.checkCancellation()
        return result
    }

    /// An http or https URL of a host, without a query, to which paths are added: without a slash at the end. Nil for
    /// anything else.
    public static func baseURL(_ text: String) -> String? {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), url.host?.isEmpty == false, url.user == nil,
            url.password == nil, url.query == nil, url.fragment == nil
        else { return nil }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// How long an answer asks to wait (RFC 9110 §10.2.3).
    public static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        headers.first(name: "retry-after").flatMap {
            RetryAfter.delay(
                $0, date: headers.first(name: "date"), now: Int(WallClock.millisecondsSince1970() / 1000))
        }
    }
}
