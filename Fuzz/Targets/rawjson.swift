import NIOCore
import RawJSON

/// JSON texts: what is taken can be taken apart, and put together again to the same parts.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let text = buffer(data, size)
    literal(text)
    let kind = try? RawJSON.validate(text)
    require(kind == (try? RawJSON.validate(RawJSON.trimmed(text))), "white space matters")
    let items = try? RawJSON.array(text)
    let object = try? RawJSON.object(text)
    require((items != nil) == (kind == .array) && (object != nil) == (kind == .object), "another kind")
    require((text.decodedJSONString() != nil) == (kind == .string), "another kind")
    guard let kind else { return 0 }
    require(isUTF8(text), "text that is not UTF-8")
    // A limit on depth takes no more than a higher one.
    let shallow = (try? RawJSON.validate(text, maxDepth: 2)) != nil
    require(!shallow || (try? RawJSON.validate(text, maxDepth: 3)) == kind, "depth")

    if let items {
        for item in items {
            require((try? RawJSON.validate(item.text)) == item.kind, "an item of another kind")
        }
        require((try? RawJSON.array(joined(items.map(\.text), "[", "]"))) == items, "other items")
    }
    if let members = object?.members {
        let texts = members.map { member in
            var text = ByteBuffer()
            text.writeJSONString(member.key)
            text.writeStaticString(":")
            text.writeImmutableBuffer(member.value)
            return text
        }
        let again = (try? RawJSON.object(joined(texts, "{", "}")))?.members
        require(again?.map(\.key) == members.map(\.key), "other keys")
        require(again?.map(\.value) == members.map(\.value), "other values")
        require(
            members.allSatisfy { (try? RawJSON.validate($0.value)) == $0.kind }, "a value of another kind")
    }
    if let string = text.decodedJSONString() {
        var written = ByteBuffer()
        written.writeJSONString(string)
        require(written.decodedJSONString() == string, "another string")
    }
    return 0
}

/// Bytes as the contents of a string.
private func literal(_ bytes: ByteBuffer) {
    var output = ByteBuffer()
    let isWritten = output.writeJSONString(utf8: bytes)
    require(isWritten == isUTF8(bytes) && isWritten != (output.readableBytes == 0), "not UTF-8, and written")
    guard isWritten else { return }
    require(output.readableBytes <= 6 * bytes.readableBytes + 2, "longer than six times")
    require(output.decodedJSONString().map { ByteBuffer(string: $0) } == bytes, "another string")
}

private func joined(_ texts: [ByteBuffer], _ open: StaticString, _ close: StaticString) -> ByteBuffer {
    var output = ByteBuffer()
    output.writeStaticString(open)
    for (index, text) in texts.enumerated() {
        if index > 0 { output.writeStaticString(",") }
        output.writeImmutableBuffer(text)
    }
    output.writeStaticString(close)
    return output
}
