import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import PaymentContacts
import RawJSON
import Shared

/// Calls of ActiveCampaign's API, version 3.
struct ActiveCampaignAPI: Sendable {
    /// Bytes of an answer that are read.
    private static let longestAnswer = 1 << 20

    /// Without a slash at the end.
    let url: String
    let key: String
    /// From the connection to the last byte of the answer.
    let timeout: Duration
    let client: HTTPClient

    /// Whatever goes wrong is for ``DeliveryPolicy`` to decide; the key must not follow a redirection.
    static func client() -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }

    /// Creates or updates the contact with this e-mail.
    func sync(_ contact: Contact) async throws -> CallResult {
        var body = ByteBuffer(string: "{\"contact\":")
        body.writeImmutableBuffer(contact.json)
        body.writeStaticString("}")
        return try await post("/api/3/contact/sync", body)
    }

    func tag(contact: String, with tag: Int) async throws -> CallResult {
        var body = ByteBuffer(string: "{\"contactTag\":{\"contact\":")
        body.writeJSONString(contact)
        body.writeString(",\"tag\":\"\(tag)\"}}")
        return try await post("/api/3/contactTags", body)
    }

    /// The id of the contact in an answer to ``sync(_:)``.
    static func contactID(in body: ByteBuffer) -> String? {
        guard let contact = (try? RawJSON.object(body))?["contact"],
            let id = (try? RawJSON.object(contact.text))?["id"]
        else { return nil }
        return id.string ?? id.integer.map(String.init)
    }

    /// - Throws: `CancellationError` alone.
    private func post(_ path: String, _ body: ByteBuffer) async throws -> CallResult {
        var request = HTTPClientRequest(url: url + path)
        request.method = .POST
        request.headers = [
            "Api-Token": key, "Accept": "application/json", "Content-Type": "application/json",
            "User-Agent": "vy-gateway/\(Build.version)",
        ]
        request.body = .bytes(body)
        let result = await result(of: request)
        // A body that is cut off by that could look whole.
        try Task.checkCancellation()
        return result
    }

    /// The client's own deadline ends with the answer's head.
    private func result(of request: HTTPClientRequest) async -> CallResult {
        let (client, timeout) = (client, timeout)
        return await withTaskGroup(of: CallResult.self) { group in
            group.addTask {
                do {
                    let response = try await client.execute(request, timeout: TimeAmount(timeout))
                    return .answer(
                        status: Int(response.status.code), retryAfter: Self.retryAfter(response.headers),
                        body: try await response.body.collect(upTo: Self.longestAnswer))
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
    }

    private static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        headers.first(name: "retry-after").flatMap {
            RetryAfter.delay(
                $0, date: headers.first(name: "date"), now: Int(WallClock.millisecondsSince1970() / 1000))
        }
    }
}
