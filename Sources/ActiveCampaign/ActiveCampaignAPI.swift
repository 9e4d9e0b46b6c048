import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import OutboundHTTP
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
        switch try await OutboundCall.result(
            of: request, with: client, within: timeout, longestAnswer: Self.longestAnswer)
        {
        case .answer(let status, let headers, let body):
            return .answer(status: status, retryAfter: OutboundCall.retryAfter(headers), body: body)
        case .noAnswer(let reason): return .noAnswer(reason: reason)
        }
    }
}
