import NIOCore
import RawJSON

@testable import SocketIO

/// Socket.IO packets, and a connection that gets them: parts of the input by 0x1E, those with `b` in front are binary.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let body = buffer(data, size)
    let messages = body.readableBytesView.split(separator: 0x1E, omittingEmptySubsequences: false).map {
        part in
        part.first == UInt8(ascii: "b")
            ? WebSocketMessage.binary(ByteBuffer(part.dropFirst())) : .text(ByteBuffer(part))
    }
    for case .text(let text) in messages { check(text) }
    connect(messages.filter { if case .text(let text) = $0 { isUTF8(text) } else { true } })
    return 0
}

private func check(_ text: ByteBuffer) {
    guard let packet = try? SocketPacket(text) else { return }
    switch packet {
    case .connect(_, let auth):
        require(auth.map { (try? RawJSON.validate($0)) == .object } ?? true, "a payload that is no object")
    case .disconnect(let namespace):
        require((try? SocketPacket(SocketPacketWriter.disconnect(namespace))) == packet, "another disconnect")
    case .ack(let namespace, let id, let arguments, let attachments):
        let written = SocketPacketWriter.ack(
            namespace, id: id, arguments: arguments.map(\.text), attachments: attachments)
        require((try? SocketPacket(written)) == packet, "another ack")
    case .event(let namespace, let id, let arguments, let attachments):
        require(attachments <= SocketPacket.maxAttachments, "too many attachments")
        guard let name = arguments.first?.string else {
            return require(arguments.first?.kind == .number, "an event without a name")
        }
        require(!SocketPacket.reservedEvents.contains(name), "a reserved name")
        let written = SocketPacketWriter.event(
            namespace, name: name, id: id, arguments: arguments.dropFirst().map(\.text),
            attachments: attachments)
        guard
            case .event(let namespace2, let id2, let arguments2, let attachments2)? = try? SocketPacket(
                written)
        else { fatalError("an event that cannot be read again") }
        require((namespace, id, attachments) == (namespace2, id2, attachments2), "another event")
        require(name == arguments2.first?.string, "another name")
        require(arguments.dropFirst() == arguments2.dropFirst(), "other arguments")
    case .connectError: break
    }
}

/// Whether the application lets a client into a namespace, and whether at once.
private func isWelcome(_ namespace: String) -> Bool { namespace.utf8.count % 3 != 0 }

private func connect(_ messages: [WebSocketMessage]) {
    var machine = SocketConnectionMachine(connectTimeout: .seconds(1), now: .uptimeNanoseconds(0))
    var asked: Set<String> = []
    var joined: Set<String> = []
    var isClosed = false

    func apply(_ actions: [SocketConnectionMachine.Action]) {
        for action in actions {
            require(
                !isClosed || { if case .disconnected = action { true } else { false } }(),
                "an action after the end")
            switch action {
            case .send(let text): require(isUTF8(text), "text that is not UTF-8")
            case .connect(let namespace, _):
                require(asked.insert(namespace).inserted, "asked twice")
                let refusal: (message: String, data: ByteBuffer?)? = isWelcome(namespace) ? nil : ("no", nil)
                if refusal != nil { asked.remove(namespace) }
                apply(machine.decided(namespace, refusal: refusal, socketID: "id"))
            case .connected(let namespace):
                require(asked.contains(namespace) && joined.insert(namespace).inserted, "joined unasked")
            case .event(let event):
                require(joined.contains(event.namespace), "an event of nobody")
                require(event.attachments.count <= SocketPacket.maxAttachments, "too many attachments")
            case .acknowledged(let namespace, _, let answer):
                require(joined.contains(namespace), "an answer of nobody")
                require(answer.attachments.count <= SocketPacket.maxAttachments, "too many attachments")
            case .disconnected(let namespace, _):
                require(asked.remove(namespace) != nil, "left without having come")
                joined.remove(namespace)
            case .close: isClosed = true
            }
        }
    }

    for message in messages {
        apply(machine.received(message))
        require(
            joined.allSatisfy { machine.isJoined($0) == !isClosed }, "joined, and the machine does not know")
    }
    apply(machine.sessionClosed(.transportClose))
    require(asked.isEmpty && joined.isEmpty, "somebody is still there")
    require(machine.received(.text(ByteBuffer(string: "0"))).isEmpty, "an action after the end")
}
