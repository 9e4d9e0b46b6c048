import Crypto
import NIOCore

/// A Lua script, which Redis keeps once it has run, and then knows by its digest.
public struct RedisScript: Sendable {
    public let text: String
    /// SHA-1 in hexadecimal digits, as Redis names it.
    public let digest: String

    public init(_ text: String) {
        self.text = text
        digest = Insecure.SHA1.hash(data: Array(text.utf8))
            .map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
    }
}

/// A command as it is sent, but for how a script is named.
struct RedisCommand: Sendable {
    /// The one that it calls.
    let script: RedisScript?
    /// The whole command, or what follows the name of the script.
    private let words: ByteBuffer
    /// How many words those are.
    private let count: Int

    init(_ arguments: [RedisArgument]) {
        script = nil
        var words = ByteBuffer()
        words.writeRedisCommand(arguments)
        self.words = words
        count = arguments.count
    }

    init(_ script: RedisScript, keys: [String], arguments: [RedisArgument]) {
        self.script = script
        let arguments = [RedisArgument(keys.count)] + keys.map { .text($0) } + arguments
        var words = ByteBuffer()
        words.writeRedisWords(arguments)
        self.words = words
        count = arguments.count
    }

    var byteCount: Int { words.readableBytes }

    /// - Parameter withText: whether Redis may not know the script yet.
    func bytes(withText: Bool) -> ByteBuffer {
        guard let script else { return words }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(words.readableBytes + (withText ? script.text.utf8.count : 0) + 96)
        bytes.writeRedisArray(of: count + 2)
        bytes.writeRedisWords(
            withText ? ["EVAL", .text(script.text)] : ["EVALSHA", .text(script.digest)])
        bytes.writeImmutableBuffer(words)
        return bytes
    }
}
