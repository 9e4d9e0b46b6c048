import NIOCore
import RawJSON

@testable import Shared

/// Card data: what has been masked holds none any more, is as long as it was, and still JSON where it was.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let text = buffer(data, size)
    let masked = CardData.masked(text)
    require(masked.readableBytes == size, "another length")
    require(CardData.masked(masked) == masked, "masked otherwise the second time")
    if let kind = try? RawJSON.validate(text, maxDepth: 512) {
        require((try? RawJSON.validate(masked, maxDepth: 512)) == kind, "no JSON any more")
        check(text, masked)
    } else {
        require(ranges(masked).isEmpty, "a card number is left")
        let changed = zip(text.readableBytesView, masked.readableBytesView).filter { $0 != $1 }
        require(changed.allSatisfy { (0x30...0x39).contains($0) && $1 == 0x2A }, "more than digits masked")
        require(changed.isEmpty == ranges(text).isEmpty, "found, and not masked")
    }

    // On a line of its own a card number is found whatever is above.
    var bytes = Array(buffer: text)
    bytes += "\n4242 4242 4242 4242".utf8
    require(CardNumber.mask(&bytes), "not found")
    require(bytes.suffix(20).elementsEqual("\n**** **** **** ****".utf8), "not masked")
    return 0
}

private func check(_ text: ByteBuffer, _ masked: ByteBuffer) {
    let findings = CardData.findings(in: text)
    require(findings.count <= CardData.mostFindings, "too many")
    require(findings == CardData.findings(in: text), "others of the same")
    require(findings.allSatisfy { !CardNumber.isIn($0.pointer) }, "a pointer that tells a card number")
    require(!findings.isEmpty || text == masked, "masked without a finding")
    // A security code that is a number stays one, of other digits.
    require(CardData.findings(in: masked).allSatisfy { $0.kind == .securityCode }, "a card number is left")
}

private func ranges(_ text: ByteBuffer) -> [Range<Int>] {
    text.withUnsafeReadableBytes { CardNumber.ranges(in: $0) }
}
