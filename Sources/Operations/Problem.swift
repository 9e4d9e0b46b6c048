public import HTTPTypes
public import NIOCore
import NIOHTTP1
import RawJSON
public import Shared
public import Telemetry

/// An error as the client is told it: a problem document (RFC 9457) with what is known of the message's fate.
public struct Problem: Error, Sendable {
    /// One fault of a request body; `pointer` is a JSON Pointer (RFC 6901).
    public struct Fault: Sendable, Equatable {
        public let pointer: String
        public let detail: String

        public init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    public let status: HTTPResponse.Status
    /// The last part of `type`: stable, for programs.
    public let code: String
    public let detail: String
    public var outcome = DeliveryOutcome.notSent
    public var faults: [Fault] = []
    /// Members taken over from a service's error object, as the JSON they are.
    public var extensions: [(name: String, value: ByteBuffer)] = []
    /// For HTTP, beside those that every problem has.
    public var headers = HTTPFields()

    public init(
        status: HTTPResponse.Status, code: String, detail: String, outcome: DeliveryOutcome = .notSent,
        faults: [Fault] = [], extensions: [(name: String, value: ByteBuffer)] = [],
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.outcome = outcome
        self.faults = faults
        self.extensions = extensions
        self.headers = headers
    }

    /// What it is counted as.
    public var requestOutcome: RequestOutcome {
        switch outcome {
        case .answered: .serviceError
        case .unknown: .unknown
        case .notSent: status == .tooManyRequests ? .limited : status.code < 500 ? .invalid : .notSent
        }
    }

    /// Renders the document. `instance` is the path that was asked for, where there is one.
    public func document(requestID: String, instance: String?) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeStaticString("{\"type\":")
        body.writeJSONString("urn:vy-gateway:problem:\(code)")
        body.writeStaticString(",\"title\":")
        body.writeJSONString(title)
        body.writeString(",\"status\":\(status.code),\"detail\":")
        body.writeJSONString(detail)
        if let instance {
            body.writeStaticString(",\"instance\":")
            body.writeJSONString(instance)
        }
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
        return body
    }

    /// The status' own phrase, also where a service has named no more than its code (RFC 9457, §4.2.1).
    private var title: String {
        status.reasonPhrase.isEmpty
            ? HTTPResponseStatus(statusCode: status.code).reasonPhrase : status.reasonPhrase
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
