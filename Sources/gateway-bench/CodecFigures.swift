import NIOCore
import Shared

/// How many frames one core makes and reads in memory in a second: the most that the hop can do.
struct CodecFigures: Encodable {
    let requestBytes: Int
    let writeRequest: Double
    let readRequest: Double
    let writeReply: Double
    let readReply: Double

    init(body: ByteBuffer) throws {
        let request = BridgeMessage.request(.sample(body))
        let reply = BridgeMessage.reply(id: .random(), final: true, .body(body))
        requestBytes = Self.frames(request, 1).readableBytes
        writeRequest = Self.writes(request)
        readRequest = try Self.reads(request)
        writeReply = Self.writes(reply)
        readReply = try Self.reads(reply)
    }

    var text: String {
        let rates = [
            ("request written", writeRequest), ("read", readRequest), ("reply written", writeReply),
            ("read", readReply),
        ]
        return "codec in memory, frames/s of one core: "
            + rates.map { "\($0) \(whole($1))" }.joined(separator: ", ")
    }

    private static let batch = 64

    private static func frames(_ message: BridgeMessage, _ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        for _ in 0..<count { message.write(into: &buffer) }
        return buffer
    }

    private static func writes(_ message: BridgeMessage) -> Double {
        var buffer = ByteBuffer()
        return Double(batch)
            * Repetition(seconds: 0.1).perSecond {
                buffer.clear()
                for _ in 0..<batch { message.write(into: &buffer) }
                return buffer.readableBytes
            }
    }

    private static func reads(_ message: BridgeMessage) throws -> Double {
        let bytes = frames(message, batch)
        return Double(batch)
            * (try Repetition(seconds: 0.1).perSecond {
                var decoder = BridgeFrameDecoder(maxFrame: BridgeLimits.defaultMaxFrame)
                decoder.append(bytes)
                var sum = 0
                while let frame = try decoder.next() { sum += try BridgeMessage(frame: frame).bodyBytes }
                return sum
            })
    }
}
