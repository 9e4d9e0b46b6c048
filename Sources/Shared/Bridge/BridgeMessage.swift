package import NIOCore
import RawJSON

/// Why one side of the Unix-socket protocol closes the connection; the `error` frame says it to the other side.
public struct BridgeProtocolError: Error, Sendable, Equatable {
    public enum Code: String, Sendable {
        case unsupportedVersion = "unsupported_version"
        case forbiddenPeer = "forbidden_peer"
        case malformedFrame = "malformed_frame"
        case frameTooLarge = "frame_too_large"
        case unknownType = "unknown_type"
        case protocolViolation = "protocol_violation"
        case handshakeTimeout = "handshake_timeout"
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// One frame of the Unix-socket protocol, version 1. Bodies stay the JSON bytes they are.
package enum BridgeMessage: Sendable, Equatable {
    package struct Hello: Sendable, Equatable {
        var versions: [Int]
        var role: String
        var instance: String
        var build: String
    }

    package struct Welcome: Sendable, Equatable {
        var version: Int
        /// Requests in flight.
        var window: Int
        /// Bytes, without the four of the length.
        var maxFrame: Int
        var instance: String
        var build: String
        /// Where this bridge's replies come in, in words that only bridges read; to be named at another one.
        var replySource: String? = nil
    }

    package struct Resume: Sendable, Equatable {
        var id: BridgeRequestID
        /// Milliseconds.
        var timeout: Int
    }

    package enum Answer: Sendable, Equatable {
        case body(ByteBuffer)
        case error(ByteBuffer)
    }

    package enum CancelReason: String, Sendable {
        case deadline
        case clientGone = "client_gone"
    }

    case hello(Hello)
    case welcome(Welcome)
    case error(code: String, message: String)
    case request(BridgeRequest)
    case reply(id: BridgeRequestID, final: Bool, Answer)
    case failure(id: BridgeRequestID, BridgeFailure)
    case cancel(id: BridgeRequestID, CancelReason)
    /// An event: a message nobody replies to. Its timeout is zero and not sent.
    case emit(BridgeRequest)
    case accepted(id: BridgeRequestID)
    /// Requests that still wait, and where their replies come in if not at this bridge.
    case resume([Resume], from: String? = nil)
    case goaway(reason: String)
    case ping
    case pong

    var name: String {
        switch self {
        case .hello: "hello"
        case .welcome: "welcome"
        case .error: "error"
        case .request: "request"
        case .reply: "reply"
        case .failure: "failure"
        case .cancel: "cancel"
        case .emit: "emit"
        case .accepted: "accepted"
        case .resume: "resume"
        case .goaway: "goaway"
        case .ping: "ping"
        case .pong: "pong"
        }
    }
}

// MARK: - Reading

extension BridgeMessage {
    /// Reads one frame's payload. Scans it once; bodies become slices of it.
    package init(frame: ByteBuffer) throws(BridgeProtocolError) {
        let object: JSONObject
        do {
            object = try RawJSON.object(frame, maxDepth: BridgeLimits.maxDepth)
        } catch {
            throw BridgeProtocolError(.malformedFrame, "not a JSON object: \(error)")
        }
        let members = Members(object)
        let type = try members.string("type")
        switch type {
        case "hello":
            self = .hello(
                Hello(
                    versions: try members.integers("versions"), role: try members.string("role"),
                    instance: try members.string("instance"), build: try members.string("build")))
        case "welcome":
            self = .welcome(
                Welcome(
                    version: try members.integer("version", from: 1),
                    window: try members.integer("window", from: 1),
                    maxFrame: try members.integer("maxFrame", from: 1),
                    instance: try members.string("instance"), build: try members.string("build"),
                    replySource: try members.optionalString("replySource")))
        case "error":
            self = .error(code: try members.string("code"), message: try members.string("message"))
        case "request":
            self = .request(
                try members.request(timeout: .milliseconds(members.timeout())))
        case "emit":
            self = .emit(try members.request(timeout: .zero))
        case "reply":
            self = .reply(
                id: try members.id(), final: try members.bool("final"), try members.answer())
        case "failure":
            self = .failure(id: try members.id(), try members.failure())
        case "cancel":
            guard let reason = CancelReason(rawValue: try members.string("reason")) else {
                throw BridgeProtocolError(.malformedFrame, "reason of cancel is not known")
            }
            self = .cancel(id: try members.id(), reason)
        case "accepted": self = .accepted(id: try members.id())
        case "resume": self = .resume(try members.resumes(), from: try members.optionalString("from"))
        case "goaway": self = .goaway(reason: try members.string("reason"))
        case "ping": self = .ping
        case "pong": self = .pong
        default:
            throw BridgeProtocolError(.unknownType, "type \(type.prefix(40)) is not known")
        }
    }
}

/// The members of one frame, read as what they have to be.
private struct Members {
    private let object: JSONObject

    init(_ object: JSONObject) {
        self.object = object
    }

    private func wrong(_ name: String, _ what: String) -> BridgeProtocolError {
        BridgeProtocolError(.malformedFrame, "\(name) is not \(what)")
    }

    func string(_ name: String) throws(BridgeProtocolError) -> String {
        guard let text = object[name]?.string else { throw wrong(name, "a string") }
        return text
    }

    func optionalString(_ name: String) throws(BridgeProtocolError) -> String? {
        object[name] == nil ? nil : try string(name)
    }

    func integer(_ name: String, from least: Int) throws(BridgeProtocolError) -> Int {
        guard let value = object[name]?.integer, value >= least else {
            throw wrong(name, "an integer of \(least) or more")
        }
        return value
    }

    /// Milliseconds; more than the protocol's longest counts as that, so that no sum with it overflows.
    func timeout() throws(BridgeProtocolError) -> Int {
        min(try integer("timeout", from: 0), BridgeLimits.longestTimeout)
    }

    func bool(_ name: String) throws(BridgeProtocolError) -> Bool {
        guard let value = object[name]?.bool else { throw wrong(name, "true or false") }
        return value
    }

    func id() throws(BridgeProtocolError) -> BridgeRequestID {
        if let value = object["id"], let id = BridgeRequestID(literal: value.text) { return id }
        guard let id = BridgeRequestID(try string("id")) else {
            throw wrong("id", "32 lower-case hexadecimal digits")
        }
        return id
    }

    func integers(_ name: String) throws(BridgeProtocolError) -> [Int] {
        guard let list = object[name], let items = try? RawJSON.array(list.text) else {
            throw wrong(name, "a list of integers")
        }
        var values: [Int] = []
        for item in items {
            guard let value = item.integer else { throw wrong(name, "a list of integers") }
            values.append(value)
        }
        return values
    }

    func request(timeout: Duration) throws(BridgeProtocolError) -> BridgeRequest {
        guard let body = object["body"] else { throw wrong("body", "there") }
        var headers: [(name: String, value: String)] = []
        if let given = object["headers"] {
            guard let list = try? RawJSON.object(given.text, maxDepth: 1) else {
                throw wrong("headers", "an object of strings")
            }
            headers.reserveCapacity(list.members.count)
            for member in list.members {
                guard let value = JSONValue(text: member.value, kind: member.kind).string else {
                    throw wrong("headers", "an object of strings")
                }
                headers.append((member.key, value))
            }
        }
        var key: String?
        if let given = object["key"] {
            guard let text = given.string else { throw wrong("key", "a string") }
            key = text
        }
        return BridgeRequest(
            id: try id(), topic: try string("topic"), key: key, headers: headers, body: body.text,
            timeout: timeout, keepsReply: object["keep"] == nil ? false : try bool("keep"))
    }

    func answer() throws(BridgeProtocolError) -> BridgeMessage.Answer {
        switch (object["body"], object["error"]) {
        case (let body?, nil): return .body(body.text)
        case (nil, let error?) where error.kind == .object || error.kind == .string:
            return .error(error.text)
        default:
            throw BridgeProtocolError(.malformedFrame, "a reply has either a body or an error")
        }
    }

    func failure() throws(BridgeProtocolError) -> BridgeFailure {
        guard let outcome = DeliveryOutcome(rawValue: try string("outcome")) else {
            throw wrong("outcome", "not_sent, unknown or answered")
        }
        var retryAfter: Int?
        if object["retryAfter"] != nil { retryAfter = try integer("retryAfter", from: 0) }
        return BridgeFailure(
            code: try string("code"), outcome: outcome, message: try string("message"),
            retryAfter: retryAfter)
    }

    func resumes() throws(BridgeProtocolError) -> [BridgeMessage.Resume] {
        guard let list = object["requests"], let items = try? RawJSON.array(list.text, maxDepth: 2) else {
            throw wrong("requests", "a list of requests")
        }
        var resumes: [BridgeMessage.Resume] = []
        resumes.reserveCapacity(items.count)
        for item in items {
            guard let entry = try? RawJSON.object(item.text, maxDepth: 1) else {
                throw wrong("requests", "a list of requests")
            }
            let members = Members(entry)
            resumes.append(
                BridgeMessage.Resume(id: try members.id(), timeout: try members.timeout()))
        }
        return resumes
    }
}
