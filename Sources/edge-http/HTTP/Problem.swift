import HTTPTypes
import Hummingbird
import NIOCore
import RawJSON
import Shared

/// An error as the client is told it: a problem document (RFC 9457) with what is known of the message's fate.
struct Problem: Error, Sendable {
    /// One fault of a request body; `pointer` is a JSON Pointer (RFC 6901).
    struct Fault: Sendable, Equatable {
        let pointer: String
        let detail: String
    }

    let status: HTTPResponse.Status
    /// The last part of `type`: stable, for programs.
    let code: String
    let detail: String
    var outcome = DeliveryOutcome.notSent
    var faults: [Fault] = []
    /// Members taken over from a service's error object, as the JSON they are.
    var extensions: [(name: String, value: ByteBuffer)] = []
    var headers = HTTPFields()

    /// Renders the document. `instance` is the path that was asked for.
    func response(requestID: String, instance: String) -> Response {
        var body = ByteBuffer()
        body.writeStaticString("{\"type\":")
        body.writeJSONString("urn:vy-gateway:problem:\(code)")
        body.writeStaticString(",\"title\":")
        body.writeJSONString(status.reasonPhrase.isEmpty ? "Error" : status.reasonPhrase)
        body.writeString(",\"status\":\(status.code),\"detail\":")
        body.writeJSONString(detail)
        body.writeStaticString(",\"instance\":")
        body.writeJSONString(instance)
        body.writeStaticString(",\"requestId\":")
        body.writeJSONString(requestID)
        body.writeStaticString(",\"outcome\":")
        body.writeJSONString(outcome.rawValue)
        if !faults.isEmpty { writeFaults(&body) }
        for (name, value) in extensions {
            body.writeStaticString(",")
            body.writeJSONString(name)
            body.writeStaticString(":")
            body.writeImmutableBuffer(value)
        }
        body.writeStaticString("}")
        var headers = headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: body))
    }

    private func writeFaults(_ body: inout ByteBuffer) {
        body.writeStaticString(",\"errors\":[")
        for (index, fault) in faults.enumerated() {
            body.writeStaticString(index == 0 ? "{\"pointer\":" : ",{\"pointer\":")
            body.writeJSONString(fault.pointer)
            body.writeStaticString(",\"detail\":")
            body.writeJSONString(fault.detail)
            body.writeStaticString("}")
        }
        body.writeStaticString("]")
    }
}
