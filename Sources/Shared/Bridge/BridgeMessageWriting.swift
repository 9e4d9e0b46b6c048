package import NIOCore
import RawJSON

extension BridgeMessage {
    /// Appends the frame: four bytes of length, then the JSON object, with the body last.
    ///
    /// - Returns: how many bytes the object takes, which is what a maximum frame size bounds.
    @discardableResult
    package func write(into buffer: inout ByteBuffer) -> Int {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        buffer.writeStaticString("{\"type\":\"")
        buffer.writeString(name)
        buffer.writeStaticString("\"")
        writeMembers(into: &buffer)
        buffer.writeStaticString("}")
        let length = buffer.writerIndex - start - 4
        buffer.setInteger(UInt32(truncatingIfNeeded: length), at: start)
        return length
    }

    private func writeMembers(into buffer: inout ByteBuffer) {
        switch self {
        case .hello(let hello):
            buffer.writeString(",\"versions\":[\(hello.versions.map(String.init).joined(separator: ","))]")
            buffer.writeMember("role", hello.role)
            buffer.writeMember("instance", hello.instance)
            buffer.writeMember("build", hello.build)
        case .welcome(let welcome):
            buffer.writeMember("version", welcome.version)
            buffer.writeMember("window", welcome.window)
            buffer.writeMember("maxFrame", welcome.maxFrame)
            buffer.writeMember("instance", welcome.instance)
            buffer.writeMember("build", welcome.build)
            if let source = welcome.replySource { buffer.writeMember("replySource", source) }
        case .error(let code, let message):
            buffer.writeMember("code", code)
            buffer.writeMember("message", message)
        case .request(let request):
            buffer.writeID(request.id)
            buffer.writeMember("timeout", request.timeout.wholeMilliseconds)
            buffer.writeMembers(request)
        case .emit(let request):
            buffer.writeID(request.id)
            buffer.writeMembers(request)
        case .reply(let id, let final, let answer):
            buffer.writeID(id)
            buffer.writeString(final ? ",\"final\":true" : ",\"final\":false")
            switch answer {
            case .body(let body): buffer.writeRawMember("body", body)
            case .error(let error): buffer.writeRawMember("error", error)
            }
        case .failure(let id, let failure):
            buffer.writeID(id)
            buffer.writeMember("code", failure.code)
            buffer.writeMember("outcome", failure.outcome.rawValue)
            buffer.writeMember("message", failure.message)
            if let seconds = failure.retryAfter { buffer.writeMember("retryAfter", seconds) }
        case .cancel(let id, let reason):
            buffer.writeID(id)
            buffer.writeMember("reason", reason.rawValue)
        case .accepted(let id):
            buffer.writeID(id)
        case .resume(let requests, let source):
            if let source { buffer.writeMember("from", source) }
            buffer.writeStaticString(",\"requests\":[")
            for (index, request) in requests.enumerated() {
                buffer.writeString(index == 0 ? "{\"id\":\"" : ",{\"id\":\"")
                buffer.writeString(request.id.description)
                buffer.writeString("\",\"timeout\":\(request.timeout)}")
            }
            buffer.writeStaticString("]")
        case .goaway(let reason):
            buffer.writeMember("reason", reason)
        case .ping, .pong:
            break
        }
    }
}

extension Duration {
    /// Milliseconds, rounded down, from 0 to the protocol's longest timeout.
    var wholeMilliseconds: Int {
        guard self > .zero else { return 0 }
        guard self < .milliseconds(BridgeLimits.longestTimeout) else { return BridgeLimits.longestTimeout }
        return Int(milliseconds)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeID(_ id: BridgeRequestID) {
        writeStaticString(",\"id\":\"")
        writeWithUnsafeMutableBytes(minimumWritableBytes: 32) { digits in
            id.writeDigits(into: digits)
            return 32
        }
        writeStaticString("\"")
    }

    fileprivate mutating func writeName(_ name: StaticString) {
        writeStaticString(",\"")
        writeStaticString(name)
        writeStaticString("\":")
    }

    fileprivate mutating func writeMember(_ name: StaticString, _ value: String) {
        writeName(name)
        writeJSONString(value)
    }

    fileprivate mutating func writeMember(_ name: StaticString, _ value: Int) {
        writeName(name)
        writeString(String(value))
    }

    fileprivate mutating func writeRawMember(_ name: StaticString, _ value: ByteBuffer) {
        writeName(name)
        writeImmutableBuffer(value)
    }

    fileprivate mutating func writeMembers(_ request: BridgeRequest) {
        writeMember("topic", request.topic)
        if let key = request.key { writeMember("key", key) }
        if request.keepsReply { writeStaticString(",\"keep\":true") }
        if !request.headers.isEmpty {
            writeName("headers")
            for (index, header) in request.headers.enumerated() {
                writeStaticString(index == 0 ? "{" : ",")
                writeJSONString(header.name)
                writeStaticString(":")
                writeJSONString(header.value)
            }
            writeStaticString("}")
        }
        writeRawMember("body", request.body)
    }
}
