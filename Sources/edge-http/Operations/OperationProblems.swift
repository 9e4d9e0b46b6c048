import HTTPTypes
import NIOCore
import Operations
import Shared

extension Problem {
    static let contentType = "application/problem+json"

    /// The answer may still come, and will then be found at the operation.
    func naming(_ head: OperationHead) -> Problem {
        var problem = self
        problem.headers[.location] = head.location
        return problem
    }

    static func unknownOutcome(_ detail: String) -> Problem {
        Problem(
            status: .gatewayTimeout, code: BridgeFailure.Code.deadline.rawValue, detail: detail,
            outcome: .unknown)
    }

    /// The key was used for another request (draft-ietf-httpapi-idempotency-key-header §2.7).
    static var otherBody: Problem {
        Problem(
            status: .unprocessableContent, code: "idempotency-key-reused",
            detail: "This Idempotency-Key was sent before with another body; use a new key for a new request."
        )
    }

    /// The first request with the key has no answer yet (draft-ietf-httpapi-idempotency-key-header §2.7).
    static func keyInFlight(retryAfter: Int) -> Problem {
        let seconds = String(retryAfter)
        return Problem(
            status: .conflict, code: "idempotency-key-in-flight",
            detail: "A request with this Idempotency-Key is in flight; send it again later.",
            outcome: .unknown, extensions: [("retryAfter", ByteBuffer(string: seconds))],
            headers: [.retryAfter: seconds])
    }

    /// - Parameter sent: whether a request with this key may have been sent, by what was known before.
    static func keysUnavailable(sent: Bool) -> Problem {
        guard sent else {
            return OperationOutcome.unavailable(
                code: "idempotency-unavailable",
                detail: "Idempotency-Key cannot be honoured now, so nothing was sent.", retryAfter: 1)
        }
        return Problem(
            status: .gatewayTimeout, code: "idempotency-unavailable",
            detail: "The record of this Idempotency-Key cannot be read now; send the request again with it.",
            outcome: .unknown)
    }

    static var operationsUnavailable: Problem {
        OperationOutcome.unavailable(
            code: "operations-unavailable", detail: "Operations cannot be looked up now.", retryAfter: 1)
    }

    static var unknownOperation: Problem {
        Problem(
            status: .notFound, code: "unknown-operation",
            detail: "There is no such operation, or it is no longer kept.")
    }
}
