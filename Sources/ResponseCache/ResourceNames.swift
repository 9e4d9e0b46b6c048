public import NIOCore
import RawJSON
import Shared

/// What requests, answers and status updates are about: the values of members called `id`, or whose names end in `Id`,
/// `ID` or `_id`, wherever they stand. An answer is out of date as soon as something changes that it has a name in
/// common with.
public struct ResourceNames: Sendable, Equatable {
    /// What an answer may name, and what a change may name; further ones of a change are not looked at.
    public static let mostOfAnswer = 32
    public static let mostOfChange = 256
    static let longest = 255

    /// As they are known in Redis: digests, so that all are short and harmless. In the order of their coming.
    public private(set) var digests: [String] = []
    /// False when there was a name that is not in the list.
    public private(set) var isComplete = true
    private let limit: Int

    private init(limit: Int) { self.limit = limit }

    /// What an answer is about, by its request and itself. Who a thing belongs to is said in most answers, and what else
    /// happens to that user changes none of them.
    public static func ofAnswer(request: ByteBuffer, answer: ByteBuffer) -> ResourceNames {
        var names = ResourceNames(limit: mostOfAnswer)
        names.collect(request) { _ in true }
        names.collect(answer) { $0 != "userId" && $0 != "user_id" }
        return names
    }

    /// What a change concerns, by its request and the answer to it, or by a status update.
    public static func ofChange(_ bodies: ByteBuffer...) -> ResourceNames {
        var names = ResourceNames(limit: mostOfChange)
        for body in bodies { names.collect(body) { _ in true } }
        return names
    }

    private mutating func collect(_ body: ByteBuffer, where counts: (String) -> Bool) {
        guard let tree = try? JSONTree(body) else {
            isComplete = false
            return
        }
        collect(tree, where: counts)
    }

    private mutating func collect(_ tree: JSONTree, where counts: (String) -> Bool) {
        switch tree {
        case .scalar: break
        case .array(let items):
            for item in items { collect(item, where: counts) }
        case .object(let members):
            for (name, value) in members {
                if case .scalar(let scalar) = value {
                    if Self.namesResource(name), counts(name) { add(scalar) }
                } else {
                    collect(value, where: counts)
                }
            }
        }
    }

    private static func namesResource(_ member: String) -> Bool {
        member == "id" || member.hasSuffix("Id") || member.hasSuffix("ID") || member.hasSuffix("_id")
    }

    private mutating func add(_ value: JSONValue) {
        guard let text = value.string ?? (value.kind == .number ? String(buffer: value.text) : nil),
            !text.isEmpty
        else { return }
        guard text.utf8.count <= Self.longest, digests.count < limit else {
            isComplete = false
            return
        }
        let digest = String(Digest.text(of: [text]).prefix(32))
        if !digests.contains(digest) { digests.append(digest) }
    }
}
