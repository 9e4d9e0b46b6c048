import JSONSchema
import NIOCore
import RawJSON

/// A schema and, behind a NUL, an instance: the evaluation ends, finds the same again, and tells where the faults are.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let parts = buffer(data, size).readableBytesView.split(
        separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let document = try? JSONNode(ByteBuffer(parts[0])),
        let instance = try? JSONNode(ByteBuffer(parts[1])),
        let schema = try? SchemaDocuments.schema(document)
    else { return 0 }
    let faults = schema.faults(of: instance, maxSteps: steps)
    require(faults == schema.faults(of: instance, maxSteps: steps), "other faults of the same")
    require(faults.count <= Schema.maxFaults, "more faults than are listed")
    for fault in faults {
        guard let tokens = JSONPointer.tokens(fault.pointer) else { fatalError("no pointer") }
        // A member that is missing has its pointer, too.
        let isMissing = fault.detail == "is required"
        let place = isMissing ? Array(tokens.dropLast()) : tokens
        require(instance[place] != nil && !(isMissing && instance[tokens] != nil), "a fault of nothing")
    }

    // A form that must not fit, around the schema, fits by whether the schema does; what is given up never fits.
    guard !holdsReference(document),
        let opposite = try? SchemaDocuments.schema(.object(["not": document]))
    else { return 0 }
    let others = opposite.faults(of: instance, maxSteps: steps + 1)
    require(!isGivenUp(faults) || isGivenUp(others), "given up only without the form around it")
    require(isGivenUp(others) || others.isEmpty == !faults.isEmpty, "fits both ways, or neither")
    return 0
}

private let steps = 2000

private func isGivenUp(_ faults: [SchemaFault]) -> Bool {
    faults.contains { fault in
        ["is too large", "is nested too deeply", "takes too long"].contains { fault.detail.hasPrefix($0) }
    }
}

/// Whether it has references, which lead elsewhere once something is around it.
private func holdsReference(_ node: JSONNode) -> Bool {
    switch node {
    case .object(let members):
        members.contains { ["$id", "$ref", "$dynamicRef"].contains($0.key) || holdsReference($0.value) }
    case .array(let items): items.contains(where: holdsReference)
    default: false
    }
}
