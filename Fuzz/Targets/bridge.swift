import NIOCore

@testable import Shared

/// Frames of the Unix socket, cut in different ways; and the rest of the input as the payload of a right frame.
///
/// The first two bytes choose the cut and the limit.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    var bytes = buffer(data, size)
    guard let seed = bytes.readInteger(as: UInt8.self), let choice = bytes.readInteger(as: UInt8.self) else {
        return 0
    }
    let limit = [1, 2, 64, 1000, BridgeLimits.defaultMaxFrame][Int(choice) % 5]

    let whole = read([bytes], limit)
    require(whole == read(bytes.cut(seed), limit), "other frames by another cut")
    require(whole.frames.allSatisfy { (1...limit).contains($0.readableBytes) }, "a frame of a wrong size")
    require(whole.frames.reduce(0) { $0 + 4 + $1.readableBytes } <= size, "more than came")
    for frame in whole.frames { check(frame) }

    // What is announced too long is refused by its length alone.
    if let length = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self), Int(length) > limit {
        let head = bytes.getSlice(at: bytes.readerIndex, length: 4) ?? bytes
        require(read([head], limit).fault == .frameTooLarge, "a frame above the limit is awaited")
    }

    check(bytes)
    guard bytes.readableBytes > 0 else { return 0 }
    var sent = ByteBuffer()
    for _ in 0..<2 {
        sent.writeInteger(UInt32(bytes.readableBytes))
        sent.writeImmutableBuffer(bytes)
    }
    let got = read(sent.cut(choice), bytes.readableBytes)
    require(got.frames == [bytes, bytes] && got.fault == nil, "not the frames that were sent")
    require(read([sent], bytes.readableBytes - 1).fault == .frameTooLarge, "a frame above the limit")
    return 0
}

private struct Outcome: Equatable {
    var frames: [ByteBuffer] = []
    var fault: BridgeProtocolError.Code?
}

private func read(_ pieces: [ByteBuffer], _ limit: Int) -> Outcome {
    var decoder = BridgeFrameDecoder(maxFrame: limit)
    var outcome = Outcome()
    do throws(BridgeProtocolError) {
        for piece in pieces {
            decoder.append(piece)
            while let frame = try decoder.next() { outcome.frames.append(frame) }
        }
    } catch { outcome.fault = error.code }
    return outcome
}

/// A message that can be read is the same after it has been written, in a frame of the length that was told.
private func check(_ frame: ByteBuffer) {
    guard let message = try? BridgeMessage(frame: frame) else { return }
    if case .request(let request) = message {
        require(request.timeout <= .milliseconds(BridgeLimits.longestTimeout), "a timeout above the longest")
    }
    var written = ByteBuffer()
    let length = message.write(into: &written)
    // Control characters are escaped with six bytes.
    require(length <= 6 * frame.readableBytes + 64, "longer than six times")
    let again = read([written], length)
    require(again.frames.count == 1 && again.fault == nil, "not one frame")
    guard let frame = again.frames.first else { return }
    require(frame.readableBytes == length, "another length than was told")
    require((try? BridgeMessage(frame: frame)) == message, "another message")
}
