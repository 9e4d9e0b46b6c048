import MessagePack
import NIOCore
import Shared
import SocketIO

/// Why a message is not delivered.
struct EmitterFault: Error, Equatable {
    let reason: String
}

/// One message of the official Socket.IO emitter, in MessagePack: `[uid, {type, data: [name, …], nsp}, {rooms, except, flags}]`.
///
/// Flags are not looked at: `volatile` and `compress` allow things that are not done here, `local` is for the sender.
struct EmitterMessage: Equatable {
    let audience: Audience
    let name: String
    /// Raw JSON.
    let arguments: [ByteBuffer]
    let attachments: [ByteBuffer]

    /// - Parameters:
    ///   - scope: a message of a room's channel is for that room, so that who may publish there reaches nobody else.
    ///   - limit: bytes of the message and of what a client would be sent.
    init(
        _ message: ByteBuffer, from scope: EmitterChannels.Scope, namespace: String, limit: Int
    ) throws(EmitterFault) {
        guard message.readableBytes <= limit else { throw Self.tooLong(limit) }
        let parts = try Self.read { () throws(MessagePackError) in try MessagePack.array(message) }
        guard parts.count >= 3 else { throw EmitterFault(reason: "it has less than three parts") }
        let packet = try Self.read { () throws(MessagePackError) in try MessagePack.map(parts[1]) }
        let options = try Self.read { () throws(MessagePackError) in try MessagePack.map(parts[2]) }
        try Self.check(packet, namespace: namespace)
        audience = Audience(
            rooms: try Self.rooms("rooms", options), except: try Self.rooms("except", options))
        if case .room(let room) = scope, audience.rooms != [room] {
            throw EmitterFault(reason: "it came on the channel of a room that is not the one it names")
        }
        (name, arguments, attachments) = try Self.event(packet)
        guard (arguments + attachments).reduce(name.utf8.count, { $0 + $1.readableBytes }) <= limit else {
            throw Self.tooLong(limit)
        }
    }

    /// - Parameter keepsOffset: clients take a string at the end of an event, be it the name, for the offset from which they
    ///   recover. So that they do not lose theirs, null follows such a string.
    func event(in namespace: String, keepsOffset: Bool) -> EncodedEvent {
        var arguments = arguments
        if keepsOffset, arguments.last.map({ $0.readableBytesView.first == UInt8(ascii: "\"") }) ?? true {
            arguments.append(ByteBuffer(string: "null"))
        }
        return EncodedEvent(
            namespace: namespace, name: name, arguments: arguments, attachments: attachments)
    }

    private static func check(_ packet: [String: ByteBuffer], namespace: String) throws(EmitterFault) {
        let type = try packet["type"].map { bytes throws(EmitterFault) in
            try read { () throws(MessagePackError) in try MessagePack.integer(bytes) }
        }
        // EVENT, and BINARY_EVENT by emitters older than protocol 5.
        guard type == 2 || type == 5 else { throw EmitterFault(reason: "its packet is no event") }
        let given = try packet["nsp"].map { bytes throws(EmitterFault) in
            try read { () throws(MessagePackError) in try MessagePack.string(bytes) }
        }
        guard given ?? "/" == namespace else { throw EmitterFault(reason: "it is for another namespace") }
    }

    private static func rooms(
        _ option: String, _ options: [String: ByteBuffer]
    ) throws(EmitterFault) -> Set<String> {
        guard let bytes = options[option], !MessagePack.isNil(bytes) else { return [] }
        let rooms = try read { () throws(MessagePackError) in
            var rooms: Set<String> = []
            for room in try MessagePack.array(bytes) { rooms.insert(try MessagePack.string(room)) }
            return rooms
        }
        // Another would be taken for the room of a user whose id is equal to it in Swift.
        guard rooms.allSatisfy(\.isNormalized) else {
            throw EmitterFault(reason: "a room's name is not in Unicode's normalization form C")
        }
        return rooms
    }

    private static func event(
        _ packet: [String: ByteBuffer]
    ) throws(EmitterFault) -> (String, [ByteBuffer], [ByteBuffer]) {
        guard let data = packet["data"] else { throw EmitterFault(reason: "its packet has no data") }
        var transcoder = JSONTranscoder(maxAttachments: EncodedEvent.maxAttachments)
        var name = ""
        var arguments: [ByteBuffer] = []
        try read { () throws(MessagePackError) in
            let items = try MessagePack.array(data)
            if let first = items.first { name = try MessagePack.string(first) }
            for item in items.dropFirst() { arguments.append(try transcoder.json(item)) }
        }
        guard !name.isEmpty, !EncodedEvent.isReserved(name) else {
            throw EmitterFault(reason: "its event has no name, or a reserved one")
        }
        return (name, arguments, transcoder.attachments)
    }

    private static func read<Value>(
        _ body: () throws(MessagePackError) -> Value
    ) throws(EmitterFault) -> Value {
        do throws(MessagePackError) {
            return try body()
        } catch {
            throw EmitterFault(reason: "MessagePack: \(error.code) at byte \(error.offset)")
        }
    }

    private static func tooLong(_ limit: Int) -> EmitterFault {
        EmitterFault(reason: "it is longer than the \(limit) bytes that may wait for a client")
    }
}
