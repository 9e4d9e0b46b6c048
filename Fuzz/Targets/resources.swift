import NIOCore
import RawJSON

@testable import ResponseCache

/// What bodies are about: names of bounded number, the same wherever the body stands.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let body = buffer(data, size)
    let change = ResourceNames.ofChange(body)
    let answer = ResourceNames.ofAnswer(request: ByteBuffer(string: "{}"), answer: body)
    let request = ResourceNames.ofAnswer(request: body, answer: ByteBuffer(string: "{}"))
    check(change, ResourceNames.mostOfChange)
    check(answer, ResourceNames.mostOfAnswer)
    check(request, ResourceNames.mostOfAnswer)
    require(ResourceNames.ofChange(body, body) == change, "more by the same")
    if (try? RawJSON.validate(body)) == nil {
        require(change.digests.isEmpty && !change.isComplete && !answer.isComplete, "names of no JSON")
        return 0
    }
    require(
        request.digests == Array(change.digests.prefix(request.digests.count)), "other names of a request")
    require(!request.isComplete || request.digests == change.digests, "complete, and without some")
    // But for owners, an answer has the names that a change has.
    require(!request.isComplete || Set(answer.digests).isSubset(of: request.digests), "a name of its own")

    var within = ByteBuffer(string: "[{\"x\":")
    within.writeImmutableBuffer(body)
    within.writeStaticString("}]")
    if (try? RawJSON.validate(within)) != nil {
        require(ResourceNames.ofChange(within) == change, "other names further within")
    }
    return 0
}

private func check(_ names: ResourceNames, _ most: Int) {
    require(names.digests.count <= most, "too many names")
    require(Set(names.digests).count == names.digests.count, "a name twice")
    require(
        names.digests.allSatisfy { $0.utf8.count == 32 && $0.utf8.allSatisfy(isHexadecimal) }, "no digest")
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
}
