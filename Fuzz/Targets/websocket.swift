import NIOCore

@testable import SocketIO

/// A WebSocket's bytes, cut in different ways; and the rest of the input as the payload of right frames.
///
/// The first two bytes choose the cut and the limit.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    var bytes = buffer(data, size)
    guard let seed = bytes.readInteger(as: UInt8.self), let choice = bytes.readInteger(as: UInt8.self) else {
        return 0
    }
    let limit = [0, 1, 125, 126, 1000, 1 << 20][Int(choice) % 6]

    let whole = events([bytes], limit)
    require(whole == events(bytes.cut(seed), limit), "other events by another cut")
    check(whole, limit)

    var validator = UTF8Validator()
    let pieces = bytes.cut(seed)
    let isText =
        pieces.allSatisfy { $0.withUnsafeReadableBytes { validator.accept($0) } } && validator.isComplete
    require(isText == isUTF8(bytes), "the validator and the standard library disagree")

    for opcode in [WebSocketOpcode.text, .binary] {
        let sent = frames(opcode, pieces, key: UInt32(seed) &* 0x0102_0305)
        let expected: WebSocketMachine.Event =
            opcode == .binary
            ? .message(.binary(bytes)) : isText ? .message(.text(bytes)) : .failed(.invalidData)
        require(events(sent.cut(choice), bytes.readableBytes) == [expected], "not the message that was sent")
    }
    return 0
}

private func events(_ pieces: [ByteBuffer], _ limit: Int) -> [WebSocketMachine.Event] {
    var machine = WebSocketMachine(maxMessage: limit)
    var events: [WebSocketMachine.Event] = []
    for var piece in pieces {
        while let event = machine.next(&piece) { events.append(event) }
        require(piece.readableBytes == 0, "bytes are left")
    }
    return events
}

private func check(_ events: [WebSocketMachine.Event], _ limit: Int) {
    for (index, event) in events.enumerated() {
        let isLast = index == events.count - 1
        switch event {
        case .message(.text(let text)): require(text.readableBytes <= limit && isUTF8(text), "a wrong text")
        case .message(.binary(let data)): require(data.readableBytes <= limit, "too large")
        case .ping(let data): require(data.readableBytes <= 125, "a long ping")
        case .closed(let code): require(isLast && code?.isValid ?? true, "a wrong close")
        case .failed(let code): require(isLast && code.isValid, "an event after the end")
        }
    }
}

/// One message in as many fragments as there are pieces, with a pong between them.
private func frames(_ opcode: WebSocketOpcode, _ pieces: [ByteBuffer], key: UInt32) -> ByteBuffer {
    var output = ByteBuffer()
    let pieces = pieces.isEmpty ? [ByteBuffer()] : pieces
    for (index, piece) in pieces.enumerated() {
        let first = index == 0 ? opcode.rawValue : 0
        output.writeInteger(index == pieces.count - 1 ? 0x80 | first : first)
        output.writeInteger(0x80 | UInt8(piece.readableBytes))
        output.writeInteger(key)
        for (offset, byte) in piece.readableBytesView.enumerated() {
            output.writeInteger(byte ^ UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(offset & 3))))
        }
        if index < pieces.count - 1 { output.writeBytes([0x8A, 0x81, 0, 0, 0, 0, 0xFF]) }
    }
    return output
}
