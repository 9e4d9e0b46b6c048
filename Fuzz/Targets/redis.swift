import NIOCore

@testable import RedisClient

/// Bytes of a Redis connection, cut in different ways; and replies made of the input, which have to be read as they are.
///
/// The first two bytes choose the cut and the limits.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    var bytes = buffer(data, size)
    guard let seed = bytes.readInteger(as: UInt8.self), let choice = bytes.readInteger(as: UInt8.self) else {
        return 0
    }
    let maxBytes = [8, 64, 1000, 1 << 20][Int(choice & 3)]
    let maxElements = [0, 1, 16, 1 << 20][Int(choice >> 2 & 3)]

    let whole = read([bytes], maxBytes, maxElements)
    require(whole == read(bytes.cut(seed), maxBytes, maxElements), "other replies by another cut")
    var left = size
    for value in whole.values { check(value, maxBytes, maxElements, &left) }

    let value = reply(&bytes, depth: 0)
    var sent = ByteBuffer()
    write(value, to: &sent)
    let length = sent.readableBytes
    write(value, to: &sent)
    let got = read(sent.cut(choice), length, 1 << 20)
    require(got.values == [value, value] && !got.isRefused, "not the replies that were sent")
    let refused = read(sent.cut(seed), length - 1, 1 << 20)
    require(refused.values.isEmpty && refused.isRefused, "a reply above the limit")
    return 0
}

private struct Outcome: Equatable {
    var values: [RESPValue] = []
    var isRefused = false
}

private func read(_ pieces: [ByteBuffer], _ maxBytes: Int, _ maxElements: Int) -> Outcome {
    var outcome = Outcome()
    do throws(RedisError) {
        let reader = try RESPReader(maxReplyBytes: maxBytes, maxElements: maxElements)
        for piece in pieces {
            try reader.feed(piece)
            while let value = try reader.next() { outcome.values.append(value) }
        }
    } catch { outcome.isRefused = true }
    return outcome
}

private func check(_ value: RESPValue, _ maxBytes: Int, _ maxElements: Int, _ left: inout Int, depth: Int = 0)
{
    // A type, a line end, and what is within.
    left -= 3
    switch value {
    case .string(let bytes):
        require(bytes.readableBytes <= maxBytes, "too long")
        left -= bytes.readableBytes
    // Each byte that is not UTF-8 becomes a character of three.
    case .status(let text), .error(let text): left -= text.utf8.count / 3
    case .array(let items):
        require(items.count <= maxElements, "too many items")
        require(depth < 16, "nested too deeply")
        for item in items { check(item, maxBytes, maxElements, &left, depth: depth + 1) }
    case .integer, .null: break
    }
    require(left >= 0, "more than came")
}

/// A reply whose kinds, sizes and contents are taken from the bytes.
private func reply(_ bytes: inout ByteBuffer, depth: Int) -> RESPValue {
    guard let byte = bytes.readInteger(as: UInt8.self) else { return .null }
    let count = min(Int(byte >> 3), bytes.readableBytes)
    switch byte & 7 {
    case 0, 1: return .string(bytes.readSlice(length: count) ?? ByteBuffer())
    case 2: return .integer(bytes.readInteger() ?? -1)
    case 3: return .status(line(&bytes, count))
    case 4: return .error(line(&bytes, count))
    case 5: return .null
    default:
        // hiredis reads no more than seven arrays within each other.
        guard depth < 6 else { return .array([]) }
        return .array((0..<count).map { _ in reply(&bytes, depth: depth + 1) })
    }
}

private func line(_ bytes: inout ByteBuffer, _ count: Int) -> String {
    let text = String(buffer: bytes.readSlice(length: count) ?? ByteBuffer())
    return String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\r" && $0 != "\n" }))
}

private func write(_ value: RESPValue, to output: inout ByteBuffer) {
    switch value {
    case .string(let bytes):
        output.writeString("$\(bytes.readableBytes)\r\n")
        output.writeImmutableBuffer(bytes)
        output.writeString("\r\n")
    case .status(let text): output.writeString("+\(text)\r\n")
    case .error(let text): output.writeString("-\(text)\r\n")
    case .integer(let number): output.writeString(":\(number)\r\n")
    case .null: output.writeString("$-1\r\n")
    case .array(let items):
        output.writeString("*\(items.count)\r\n")
        for item in items { write(item, to: &output) }
    }
}
