import NIOCore

@testable import SocketIO

/// Polling bodies: what is taken can be written and read again, and holds no more than came.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let body = buffer(data, size)
    guard let packets = try? EnginePayload.decode(body) else { return 0 }
    require(isUTF8(body), "text that is not UTF-8")
    let separators = body.readableBytesView.count { $0 == 0x1E }
    require(packets.count == separators + 1, "a packet for each part")
    require(packets.reduce(separators) { $0 + $1.byteCount } <= size, "more than came")
    let written = EnginePayload.encode(packets)
    require((try? EnginePayload.decode(written)) == packets, "not the same packets again")
    require(
        (try? EnginePayload.decode(written)).map(EnginePayload.encode) == written, "not the same text again")

    // The same by WebSocket, one frame each.
    var frames = ByteBuffer(webSocketFramesOf: packets)
    var count = 0
    while frames.readableBytes > 0 {
        guard let head = frames.readInteger(as: UInt8.self), let short = frames.readInteger(as: UInt8.self)
        else {
            fatalError("no header")
        }
        let length =
            switch short {
            case 126: frames.readInteger(as: UInt16.self).map(Int.init)
            case 127: frames.readInteger(as: UInt64.self).map(Int.init)
            default: Int(short)
            }
        guard let length, let payload = frames.readSlice(length: length) else { fatalError("no payload") }
        let message: WebSocketMessage = head == 0x82 ? .binary(payload) : .text(payload)
        require(EnginePacket(message) == packets[count], "another packet in the frame")
        count += 1
    }
    require(count == packets.count, "a frame for each packet")
    return 0
}
