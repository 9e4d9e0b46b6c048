package import NIOCore

/// Cuts a byte stream into frames: four bytes of big-endian length, then that many bytes.
///
/// The length is checked before anything is kept for it. What is buffered is at most one frame and one read.
package struct BridgeFrameDecoder {
    var maxFrame: Int
    private var buffer = ByteBuffer()

    package init(maxFrame: Int) {
        self.maxFrame = maxFrame
    }

    /// Adds what has been read from the socket.
    package mutating func append(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        var bytes = bytes
        buffer.writeBuffer(&bytes)
    }

    /// The next whole frame's payload, or nil when more bytes are needed.
    ///
    /// After an error the stream has no frame boundaries any more and has to be closed.
    package mutating func next() throws(BridgeProtocolError) -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
            return compact()
        }
        guard length <= UInt32(clamping: maxFrame) else {
            throw BridgeProtocolError(
                .frameTooLarge, "a frame of \(length) bytes is announced, \(maxFrame) is the limit")
        }
        guard length > 0 else { throw BridgeProtocolError(.malformedFrame, "a frame is empty") }
        guard buffer.readableBytes >= 4 + Int(length) else { return compact() }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readSlice(length: Int(length))
    }

    /// Detaches what is left from the storage that earlier frames' slices share, so that appending copies only it.
    private mutating func compact() -> ByteBuffer? {
        if buffer.readerIndex > 0 {
            buffer = buffer.readableBytes > 0 ? ByteBuffer(bytes: buffer.readableBytesView) : ByteBuffer()
        }
        return nil
    }
}
