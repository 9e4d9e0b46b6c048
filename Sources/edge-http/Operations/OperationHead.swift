import HTTPTypes
import Hummingbird
import NIOCore
import Operations
import ResponseCache
import Shared

/// What is known of an operation from its start: whose it is, and what its answer is rendered with, whoever does that.
struct OperationHead: Sendable, Equatable {
    var id: BridgeRequestID
    /// Nobody else may see it.
    let caller: String
    /// The path that was asked for.
    let path: String
    let requestID: String
    /// The status of an answer without error.
    let successStatus: Int

    /// Where its late answer is found.
    var location: String { OperationPage.prefix + id.description }

    /// The answer, which is the same bytes wherever and whenever it is rendered.
    func response(to outcome: BridgeOutcome) -> Response {
        do throws(Problem) {
            let body = try OperationOutcome.body(of: outcome)
            return StoredAnswer(
                status: successStatus, contentType: "application/json; charset=utf-8", body: body
            ).response
        } catch {
            return error.response(requestID: requestID, instance: path)
        }
    }
}

extension StoredAnswer {
    /// The service's answer, an error as well.
    init(_ outcome: BridgeOutcome, of head: OperationHead) {
        do throws(Problem) {
            self.init(
                status: head.successStatus, contentType: "application/json; charset=utf-8",
                body: try OperationOutcome.body(of: outcome))
        } catch {
            self.init(
                status: error.status.code, contentType: Problem.contentType,
                body: error.document(requestID: head.requestID, instance: head.path))
        }
    }

    var response: Response {
        Response(
            status: .init(code: status), headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: .init(byteBuffer: body))
    }
}

/// What Redis has of an operation.
struct KeptOperation: Sendable, Equatable {
    let head: OperationHead
    /// Nil while there is no answer.
    let outcome: BridgeOutcome?
}

extension BridgeOutcome {
    enum Fate { case settled, notSent, unknown }

    /// Whether this is the last word on the request, whether nothing was sent, or whether an answer may still come.
    var fate: Fate {
        guard case .failure(let failure) = self else { return .settled }
        switch failure.outcome {
        case .answered: return .settled
        case .notSent: return .notSent
        case .unknown: return .unknown
        }
    }
}
