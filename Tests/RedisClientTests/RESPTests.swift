import CHiredis
import NIOCore
import Testing

@testable import RedisClient

@Suite struct RESPTests {
    private func read(_ text: String, inPiecesOf size: Int = 1000) throws -> [RESPValue] {
        let reader = try RESPReader(maxReplyBytes: 1000, maxElements: 10)
        var values: [RESPValue] = []
        var bytes = ByteBuffer(string: text)
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            try reader.feed(piece)
            while let value = try reader.next() { values.append(value) }
        }
        return values
    }

    @Test(arguments: [1, 2, 7, 1000]) func readsEveryKind(_ size: Int) throws {
        let text = "+OK\r\n-ERR no\r\n:-12\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n*0\r\n"
        #expect(
            try read(text, inPiecesOf: size) == [
                .status("OK"), .error("ERR no"), .integer(-12), .string(ByteBuffer(string: "a\r\n")), .null,
                .array([.integer(1), .array([.string(ByteBuffer())])]), .array([]),
            ])
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n\r\n", "$abc\r\n", ":12x\r\n", "*11\r\n", "*1000000000\r\n",
    ])
    func refusesWhatIsNoReply(_ text: String) {
        #expect(throws: RedisError.self) { try read(text) }
    }

    @Test(arguments: [1, 600, 5000]) func refusesAReplyThatIsTooLong(_ size: Int) {
        #expect(throws: RedisError.self) {
            try read("$2000\r\n" + String(repeating: "x", count: 2000) + "\r\n", inPiecesOf: size)
        }
    }

    @Test func aLongPipelineOfShortRepliesIsFine() throws {
        #expect(try read(String(repeating: ":1\r\n", count: 2000), inPiecesOf: 900).count == 2000)
    }

    /// hiredis' own formatter is the reference.
    @Test(arguments: [["PING"], ["SET", "k", ""], ["SET", "Schlüssel", "a\r\nb\0c"]])
    func writesCommandsAsHiredisDoes(_ words: [String]) throws {
        var ours = ByteBuffer()
        ours.writeRedisCommand(words.map { .text($0) })
        var withBytes = ByteBuffer()
        withBytes.writeRedisCommand(words.map { .bytes(ByteBuffer(string: $0)) })
        #expect(withBytes == ours)

        let copies = words.map { word in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: word.utf8.count + 1)
            for (index, byte) in word.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        var arguments = copies.map { UnsafePointer<CChar>?($0) }
        var target: UnsafeMutablePointer<CChar>?
        let length = redisFormatCommandArgv(&target, Int32(words.count), &arguments, words.map(\.utf8.count))
        let theirs = ByteBuffer(
            bytes: UnsafeRawBufferPointer(start: try #require(target), count: Int(length)))
        redisFreeCommand(target)
        #expect(ours == theirs)
    }
}
