import MessagePack
import NIOCore
import RawJSON

/// MessagePack: the JSON of whatever is taken is JSON of bounded length, and slices are whole values.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = buffer(data, size)
    var transcoder = JSONTranscoder(maxAttachments: 4)
    let json = try? transcoder.json(bytes)
    require(transcoder.attachments.count <= 4, "too many attachments")
    if let json {
        require((try? RawJSON.validate(json)) != nil, "no JSON")
        require(json.readableBytes <= 6 * size + 40 * transcoder.attachments.count, "longer than six times")
        require(transcoder.attachments.reduce(0) { $0 + $1.readableBytes } < size, "more binary than came")
    }
    if let items = try? MessagePack.array(bytes) {
        require(items.count < size && rest(of: bytes, items), "slices that are not what came")
        require(transcodable(items) || json == nil, "an array whose items are not taken")
    }
    if let map = try? MessagePack.map(bytes) {
        require(map.values.reduce(map.count) { $0 + $1.readableBytes } < size, "more than came")
        require(transcodable(Array(map.values)) || json == nil, "a map whose values are not taken")
    }
    if let text = try? MessagePack.string(bytes) {
        var literal = ByteBuffer()
        literal.writeJSONString(text)
        require(json == literal, "another string")
    }
    if let number = try? MessagePack.integer(bytes) {
        require(json == ByteBuffer(string: String(number)), "another number")
    }
    if MessagePack.isNil(bytes) { require(json == ByteBuffer(string: "null"), "no null") }
    return 0
}

/// Whether the items are the end of the bytes, one behind the other.
private func rest(of bytes: ByteBuffer, _ items: [ByteBuffer]) -> Bool {
    var all = ByteBuffer()
    for item in items { all.writeImmutableBuffer(item) }
    return bytes.readableBytesView.suffix(all.readableBytes).elementsEqual(all.readableBytesView)
}

private func transcodable(_ items: [ByteBuffer]) -> Bool {
    var transcoder = JSONTranscoder(maxAttachments: 4)
    return items.allSatisfy { (try? transcoder.json($0)) != nil }
}
