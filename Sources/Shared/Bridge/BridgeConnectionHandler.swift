import NIOCore

/// Turns the bytes of one connection into messages and back. What is written in one turn of the event loop leaves in one
/// system call, or in a few when it is much.
final class BridgeConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    enum Event {
        case message(BridgeMessage)
        /// The bytes are not the protocol; nothing further is read.
        case violation(BridgeProtocolError)
        case closed
    }

    var decoder: BridgeFrameDecoder
    private let handle: (Event) -> Void
    private var context: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    private var isFlushScheduled = false
    private var isDeaf = false
    /// Bytes that are worth a system call of their own.
    private static let enoughBytes = 16 << 10
    /// Bytes of memory that are kept for the next turn.
    private static let keptCapacity = 256 << 10
    private var activation: (() -> Void)?

    /// - Parameter handle: is called on the channel's event loop.
    init(maxFrame: Int, handle: @escaping (Event) -> Void) {
        decoder = BridgeFrameDecoder(maxFrame: maxFrame)
        self.handle = handle
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        do throws(BridgeProtocolError) {
            while !isDeaf, let frame = try decoder.next() {
                handle(.message(try BridgeMessage(frame: frame)))
                // Of a long row of requests the first are answered while the last are read, so that both sides work.
                if outgoing.readableBytes >= Self.enoughBytes { flush() }
            }
        } catch {
            isDeaf = true
            handle(.violation(error))
        }
    }

    /// Calls `body` as soon as something can be sent.
    func whenActive(_ body: @escaping () -> Void) {
        if context?.channel.isActive == true { body() } else { activation = body }
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        activation?()
        activation = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        isDeaf = true
        handle(.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Appends one frame to what leaves at the end of this turn of the loop.
    ///
    /// - Returns: the bytes of the frame; when they are more than `maxFrame` it is not sent.
    @discardableResult
    func send(_ message: BridgeMessage, maxFrame: Int) -> Int {
        guard let context else { return 0 }
        let start = outgoing.writerIndex
        let bytes = message.write(into: &outgoing)
        guard bytes <= maxFrame else {
            outgoing.moveWriterIndex(to: start)
            return bytes
        }
        if !isFlushScheduled {
            isFlushScheduled = true
            context.eventLoop.assumeIsolated().execute {
                self.isFlushScheduled = false
                self.flush()
            }
        }
        return bytes
    }

    /// Bytes that wait to be taken by the other side.
    var bufferedBytes: Int {
        guard let options = context?.channel.syncOptions else { return 0 }
        return outgoing.readableBytes + ((try? options.getOption(.bufferedWritableBytes)) ?? 0)
    }

    /// False when the other side reads more slowly than this one writes.
    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Sends what is queued, then closes. Nothing that arrives after this is looked at.
    func close() {
        isDeaf = true
        flush()
        context?.close(promise: nil)
    }

    private func flush() {
        guard let context, outgoing.readableBytes > 0 else { return }
        context.writeAndFlush(NIOAny(outgoing), promise: nil)
        // Most often all of it has been taken by now, and the memory serves for the next turn.
        if outgoing.capacity > Self.keptCapacity { outgoing = ByteBuffer() } else { outgoing.clear() }
    }
}
