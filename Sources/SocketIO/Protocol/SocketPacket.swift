import NIOCore
import RawJSON

/// One packet of the Socket.IO protocol, version 5. Its JSON stays the bytes that came.
enum SocketPacket: Equatable, Sendable {
    case connect(namespace: String, auth: ByteBuffer?)
    case disconnect(namespace: String)
    case event(namespace: String, id: Int?, arguments: [JSONValue], attachments: Int)
    case ack(namespace: String, id: Int, arguments: [JSONValue], attachments: Int)
    case connectError(namespace: String)

    /// The text breaks the protocol, which ends the whole connection.
    struct ParseError: Error, Equatable {
        let reason: String
    }

    /// More binary attachments in one packet are refused, as by the official parser.
    static let maxAttachments = 10

    static let reservedEvents: Set<String> = [
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ]

    /// Reads the text of one packet: type [attachments `-`] [namespace `,`] [ack id] [JSON].
    init(_ text: ByteBuffer) throws(ParseError) {
        var text = text
        guard let type = text.readInteger(as: UInt8.self).map({ $0 &- UInt8(ascii: "0") }), type <= 6 else {
            throw ParseError(reason: "unknown packet type")
        }
        var attachments = 0
        if type >= 5 {
            guard let count = text.readDigits(), text.readInteger(as: UInt8.self) == UInt8(ascii: "-") else {
                throw ParseError(reason: "illegal attachments")
            }
            guard count <= Self.maxAttachments else { throw ParseError(reason: "too many attachments") }
            attachments = count
        }
        let namespace = try text.readNamespace()
        let id = text.readDigits()
        switch type {
        case 0: self = .connect(namespace: namespace, auth: try Self.auth(text))
        case 1:
            guard text.readableBytes == 0 else { throw ParseError(reason: "a disconnect has no data") }
            self = .disconnect(namespace: namespace)
        case 2, 5:
            let arguments = try Self.arguments(text, attachments: attachments)
            try Self.checkEvent(arguments)
            self = .event(namespace: namespace, id: id, arguments: arguments, attachments: attachments)
        case 3, 6:
            guard let id else { throw ParseError(reason: "an ack has an id") }
            self = .ack(
                namespace: namespace, id: id, arguments: try Self.arguments(text, attachments: attachments),
                attachments: attachments)
        default: self = .connectError(namespace: namespace)
        }
    }

    private static func auth(_ text: ByteBuffer) throws(ParseError) -> ByteBuffer? {
        guard text.readableBytes > 0 else { return nil }
        guard (try? RawJSON.validate(text)) == .object else {
            throw ParseError(reason: "a connect payload is an object")
        }
        return text
    }

    private static func arguments(_ text: ByteBuffer, attachments: Int) throws(ParseError) -> [JSONValue] {
        guard let arguments = try? RawJSON.array(text) else { throw ParseError(reason: "not an array") }
        if attachments > 0, !arguments.allSatisfy({ placeholdersAreIn($0, 0..<attachments) }) {
            throw ParseError(reason: "illegal attachments")
        }
        return arguments
    }

    private static func checkEvent(_ arguments: [JSONValue]) throws(ParseError) {
        switch arguments.first?.kind {
        case .number: return
        case .string where !reservedEvents.contains(arguments[0].string ?? ""): return
        default: throw ParseError(reason: "an event begins with its name")
        }
    }

    /// Whether every `{"_placeholder":true,"num":n}` within names an attachment that there is.
    private static func placeholdersAreIn(_ value: JSONValue, _ range: Range<Int>) -> Bool {
        switch value.kind {
        case .array:
            return (try? RawJSON.array(value.text))?.allSatisfy { placeholdersAreIn($0, range) } ?? false
        case .object:
            guard let object = try? RawJSON.object(value.text) else { return false }
            if object["_placeholder"]?.bool == true {
                return object["num"]?.integer.map(range.contains) ?? false
            }
            return object.members.allSatisfy {
                placeholdersAreIn(JSONValue(text: $0.value, kind: $0.kind), range)
            }
        default: return true
        }
    }
}

extension ByteBuffer {
    /// Reads the digits at the front as a number; nil, with nothing read, where there are none.
    fileprivate mutating func readDigits() -> Int? {
        let digits = readableBytesView.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        moveReaderIndex(forwardBy: digits.count)
        return number
    }

    fileprivate mutating func readNamespace() throws(SocketPacket.ParseError) -> String {
        guard readableBytesView.first == UInt8(ascii: "/") else { return "/" }
        let name = readableBytesView.prefix { $0 != UInt8(ascii: ",") }
        guard let text = String(validating: name, as: UTF8.self) else {
            throw SocketPacket.ParseError(reason: "the namespace is not UTF-8")
        }
        moveReaderIndex(forwardBy: min(readableBytes, name.count + 1))
        return text
    }
}

/// Writes Socket.IO packets as the text of an Engine.IO message.
enum SocketPacketWriter {
    static func connected(_ namespace: String, socketID: String, privateID: String? = nil) -> ByteBuffer {
        var buffer = head("0", namespace)
        buffer.writeStaticString("{\"sid\":")
        buffer.writeJSONString(socketID)
        if let privateID {
            buffer.writeStaticString(",\"pid\":")
            buffer.writeJSONString(privateID)
        }
        buffer.writeStaticString("}")
        return buffer
    }

    /// - Parameter data: further details as raw JSON.
    static func connectError(_ namespace: String, message: String, data: ByteBuffer?) -> ByteBuffer {
        var buffer = head("4", namespace)
        buffer.writeStaticString("{\"message\":")
        buffer.writeJSONString(message)
        if let data {
            buffer.writeStaticString(",\"data\":")
            buffer.writeImmutableBuffer(data)
        }
        buffer.writeStaticString("}")
        return buffer
    }

    static func disconnect(_ namespace: String) -> ByteBuffer { head("1", namespace) }

    /// - Parameter id: asks for an acknowledgement.
    static func event(
        _ namespace: String, name: String, id: Int? = nil, arguments: [ByteBuffer], attachments: Int
    ) -> ByteBuffer {
        var buffer = head(attachments > 0 ? "5\(attachments)-" : "2", namespace)
        if let id { buffer.writeString(String(id)) }
        buffer.writeStaticString("[")
        buffer.writeJSONString(name)
        for argument in arguments {
            buffer.writeStaticString(",")
            buffer.writeImmutableBuffer(argument)
        }
        buffer.writeStaticString("]")
        return buffer
    }

    static func ack(_ namespace: String, id: Int, arguments: [ByteBuffer], attachments: Int) -> ByteBuffer {
        var buffer = head(attachments > 0 ? "6\(attachments)-" : "3", namespace)
        buffer.writeString(String(id))
        buffer.writeStaticString("[")
        for (index, argument) in arguments.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            buffer.writeImmutableBuffer(argument)
        }
        buffer.writeStaticString("]")
        return buffer
    }

    private static func head(_ type: String, _ namespace: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString(type)
        if namespace != "/" {
            buffer.writeString(namespace)
            buffer.writeStaticString(",")
        }
        return buffer
    }
}
