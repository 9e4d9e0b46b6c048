import NIOCore
import NIOPosix

/// Round trips of messages of a fixed length without frames, JSON, ids or tasks.
struct BareLoad {
    let path: String
    let messageBytes: Int

    func run(inFlight: Int, seconds: Double) async throws -> Samples {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let done = loop.makePromise(of: Samples.self)
        let message = ByteBuffer(repeating: UInt8(ascii: "x"), count: messageBytes)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        BareClient(message, inFlight: inFlight, seconds: seconds, done: done))
                }
            }
            .connect(unixDomainSocketPath: path).get()
        let samples = try await done.futureResult.get()
        try await channel.close()
        return samples
    }
}

/// Sends a further message for each that has come back.
private final class BareClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let message: ByteBuffer
    private let inFlight: Int
    private let length: TimeAmount
    private let done: EventLoopPromise<Samples>
    private var samples = Samples()
    private var start = NIODeadline.now()
    /// When the messages left that are under way, a ring of them.
    private var sent: [NIODeadline] = []
    private var oldest = 0
    private var received = 0
    private var isOver = false

    init(_ message: ByteBuffer, inFlight: Int, seconds: Double, done: EventLoopPromise<Samples>) {
        self.message = message
        self.inFlight = inFlight
        self.done = done
        length = .nanoseconds(Int64(seconds * 1e9))
    }

    func channelActive(context: ChannelHandlerContext) {
        start = .now()
        sent = Array(repeating: start, count: inFlight)
        for _ in 0..<inFlight { context.write(NIOAny(message), promise: nil) }
        context.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytes
        let now = NIODeadline.now()
        while received >= message.readableBytes, !isOver {
            received -= message.readableBytes
            samples.latencies.append(UInt32(clamping: (now - sent[oldest]).nanoseconds))
            sent[oldest] = now
            oldest = (oldest + 1) % inFlight
            context.write(NIOAny(message), promise: nil)
        }
        guard now - start >= length, !isOver else { return }
        isOver = true
        samples.elapsed = Double((now - start).nanoseconds) / 1e9
        done.succeed(samples)
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isOver { done.fail(error) }
        isOver = true
        context.close(promise: nil)
    }
}

/// Sends back what comes.
final class BareServer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}
