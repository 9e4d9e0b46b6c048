internal import CHiredis
import NIOCore

/// Parses the bytes of one connection into replies, with hiredis' reader.
///
/// The reader builds its objects through our callbacks, so that each string is copied once, from the reader's own buffer into a
/// `ByteBuffer`, and no `redisReply` tree exists. hiredis bounds the nesting (7 arrays); the sizes are bounded here.
/// Not Sendable: one connection's event loop owns it.
final class RESPReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let builder: RESPBuilder
    private let maxReplyBytes: Int
    /// Bytes fed since the last complete reply.
    private var unfinishedBytes = 0

    /// - Parameters:
    ///   - maxReplyBytes: the longest reply on the wire, with everything in it.
    ///   - maxElements: the most items of one array.
    init(maxReplyBytes: Int, maxElements: Int) throws(RedisError) {
        guard let reader = redisReaderCreateWithFunctions(Self.functions) else {
            throw RedisError(.protocolViolation, .unknown, "no memory for the reader")
        }
        self.reader = reader
        self.maxReplyBytes = maxReplyBytes
        builder = RESPBuilder(maxElements: maxElements)
        // The builder lives as long as the reader: both end with this object.
        reader.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit { redisReaderFree(reader) }

    func feed(_ bytes: ByteBuffer) throws(RedisError) {
        unfinishedBytes += bytes.readableBytes
        let status = bytes.withUnsafeReadableBytes {
            redisReaderFeed(reader, $0.bindMemory(to: CChar.self).baseAddress, $0.count)
        }
        guard status == REDIS_OK else { throw failure() }
    }

    /// The next complete reply, or nil when more bytes are needed.
    ///
    /// - Throws: `protocolViolation`; the connection is of no use afterwards.
    func next() throws(RedisError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure() }
        let value = builder.take()
        // Whether a reply is too long must not depend on how many reads it has come in.
        let rest = value == nil ? 0 : reader.pointee.len - reader.pointee.pos
        guard unfinishedBytes - rest <= maxReplyBytes else {
            throw RedisError(.protocolViolation, .unknown, "reply above \(maxReplyBytes) bytes")
        }
        guard let value else { return nil }
        unfinishedBytes = rest
        return value
    }

    private func failure() -> RedisError {
        let text = withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError(.protocolViolation, .unknown, builder.refusal ?? text)
    }

    /// Written once before it is shared; hiredis only reads it.
    nonisolated(unsafe) private static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        var functions = redisReplyObjectFunctions()
        functions.createString = { task, text, count in
            RESPBuilder.of(task?.pointee.privdata) { builder in
                let bytes = UnsafeRawBufferPointer(start: text, count: Int(count))
                switch task?.pointee.type {
                case REDIS_REPLY_ERROR: return builder.add(.error(String(decoding: bytes, as: UTF8.self)))
                case REDIS_REPLY_STATUS: return builder.add(.status(String(decoding: bytes, as: UTF8.self)))
                default: return builder.add(.string(ByteBuffer(bytes: bytes)))
                }
            }
        }
        functions.createInteger = { task, number in
            RESPBuilder.of(task?.pointee.privdata) { $0.add(.integer(number)) }
        }
        functions.createNil = { task in RESPBuilder.of(task?.pointee.privdata) { $0.add(.null) } }
        // The count is an int or a size_t, by the version of hiredis.
        functions.createArray = { task, count in
            RESPBuilder.of(task?.pointee.privdata) { $0.open(Int(clamping: count)) }
        }
        // No freeObject: the objects belong to the builder, hiredis only sees whether they are nil.
        let pointer = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        pointer.initialize(to: functions)
        return pointer
    }()
}

/// Puts one reply together from hiredis' callbacks, which come depth first.
private final class RESPBuilder {
    private let maxElements: Int
    private var open: [(remaining: Int, items: [RESPValue])] = []
    private var complete: RESPValue?
    private(set) var refusal: String?

    init(maxElements: Int) { self.maxElements = maxElements }

    /// Calls `body` with the builder of a read task; nil tells hiredis to give the connection up.
    static func of(
        _ pointer: UnsafeMutableRawPointer?, _ body: (RESPBuilder) -> Bool
    ) -> UnsafeMutableRawPointer? {
        guard let pointer else { return nil }
        return body(Unmanaged<RESPBuilder>.fromOpaque(pointer).takeUnretainedValue()) ? pointer : nil
    }

    func open(_ count: Int) -> Bool {
        guard count <= maxElements else {
            refusal = "array of more than \(maxElements) items"
            return false
        }
        guard count > 0 else { return add(.array([])) }
        open.append((count, []))
        return true
    }

    func add(_ value: RESPValue) -> Bool {
        var value = value
        while var parent = open.popLast() {
            parent.items.append(value)
            parent.remaining -= 1
            guard parent.remaining == 0 else {
                open.append(parent)
                return true
            }
            value = .array(parent.items)
        }
        complete = value
        return true
    }

    func take() -> RESPValue? {
        defer { complete = nil }
        return complete
    }
}
