import HTTPTypes
import Hummingbird
import NIOCore
import Operations
import Shared

/// How answers that are kept, or not there yet, look over HTTP.
enum OperationPage {
    static let prefix = "/operations/"

    static func response(_ kept: KeptOperation) -> Response {
        guard let outcome = kept.outcome else { return pending(kept.head.id, status: .ok) }
        return kept.head.response(to: outcome)
    }

    static func response(
        to call: OperationCall, from delivery: CachedDelivery
    ) async throws(Problem) -> Response {
        do throws(Problem) {
            let (answer, cacheStatus) = try await delivery.answer(call)
            var response = response(answer, to: call)
            response.headers[RequestRules.cacheStatusField] = cacheStatus?.field
            return response
        } catch {
            var problem = error
            problem.headers[RequestRules.preferenceAppliedField] = call.preferences.applied(
                to: call.request.timeout, isAccepted: false)
            throw problem
        }
    }

    private static func response(_ answer: OperationAnswer, to call: OperationCall) -> Response {
        var response: Response
        let isAccepted: Bool
        switch answer {
        case .final(let answer, let isReplayed):
            response = answer.response
            if isReplayed { response.headers[RequestRules.replayedField] = "true" }
            isAccepted = false
        case .cached(let answer, let age):
            response = answer.response
            response.headers[.age] = String(age.milliseconds / 1000)
            isAccepted = false
        case .pending(let id):
            response = pending(id, status: .accepted)
            response.headers[.location] = prefix + id.description
            isAccepted = true
        }
        response.headers[RequestRules.preferenceAppliedField] = call.preferences.applied(
            to: call.request.timeout, isAccepted: isAccepted)
        return response
    }

    private static func pending(_ id: BridgeRequestID, status: HTTPResponse.Status) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: "application/json; charset=utf-8", .cacheControl: "no-store", .retryAfter: "1",
            ],
            body: .init(byteBuffer: ByteBuffer(string: "{\"id\":\"\(id)\",\"status\":\"pending\"}")))
    }
}
