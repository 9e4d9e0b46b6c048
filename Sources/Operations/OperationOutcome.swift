import HTTPTypes
public import NIOCore
import RawJSON
public import Shared

/// What the client is told for each way in which a request can end (the outcome contract, docs/contracts.md).
public enum OperationOutcome {
    /// The service's answer.
    ///
    /// - Throws: the ``Problem`` for every outcome but a reply without error.
    public static func body(of outcome: BridgeOutcome) throws(Problem) -> ByteBuffer {
        switch outcome {
        case .reply(let body): return body
        case .serviceError(let error):
            throw problem(forServiceError: error)
        case .failure(let failure):
            throw problem(for: failure)
        }
    }

    /// An integer `statusCode` or `status` from 400 to 599 is the HTTP status; everything else is 502 (Kafka contract §10).
    static func problem(forServiceError error: ByteBuffer) -> Problem {
        guard let object = try? RawJSON.object(error, maxDepth: 512) else {
            let text = error.decodedJSONString() ?? "The service answered with an error."
            return Problem(status: .badGateway, code: "service-error", detail: text, outcome: .answered)
        }
        let statuses = [object["statusCode"]?.integer, object["status"]?.integer]
        let code = statuses.compactMap { $0 }.first { (400...599).contains($0) }
        let message = object["message"]
        var extensions: [(name: String, value: ByteBuffer)] = []
        if let value = object["code"] { extensions.append(("code", value.text)) }
        if let message, message.kind != .string { extensions.append(("message", message.text)) }
        return Problem(
            status: code.map { .init(code: $0) } ?? .badGateway, code: "service-error",
            detail: message?.string ?? "The service answered with an error.", outcome: .answered,
            extensions: extensions)
    }

    static func problem(for failure: BridgeFailure) -> Problem {
        let code = failure.code.replacing("_", with: "-")
        switch failure.outcome {
        case .notSent where failure.code == "too_large":
            return Problem(status: .contentTooLarge, code: code, detail: failure.message)
        case .notSent:
            return unavailable(code: code, detail: failure.message, retryAfter: failure.retryAfter ?? 1)
        case .unknown:
            return Problem(
                status: .gatewayTimeout, code: code, detail: failure.message, outcome: .unknown)
        case .answered:
            return Problem(status: .badGateway, code: code, detail: failure.message, outcome: .answered)
        }
    }

    /// Nothing was sent, so that it is safe to send the request again after `retryAfter` seconds.
    public static func unavailable(code: String, detail: String, retryAfter: Int) -> Problem {
        later(.serviceUnavailable, code: code, detail: detail, retryAfter: retryAfter)
    }

    /// The caller has asked too often, and may do so again after `retryAfter` seconds (RFC 6585 §4).
    public static func tooMany(code: String, detail: String, retryAfter: Int) -> Problem {
        later(.tooManyRequests, code: code, detail: detail, retryAfter: retryAfter)
    }

    private static func later(
        _ status: HTTPResponse.Status, code: String, detail: String, retryAfter: Int
    ) -> Problem {
        let seconds = String(max(1, retryAfter))
        // Also in the document, since an acknowledgement has no headers.
        return Problem(
            status: status, code: code, detail: detail,
            extensions: [("retryAfter", ByteBuffer(string: seconds))], headers: [.retryAfter: seconds])
    }
}
