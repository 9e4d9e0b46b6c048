import NIOCore

/// Ends the run with the input at hand as the finding.
func require(_ condition: @autoclosure () -> Bool, _ what: String) {
    if !condition() { fatalError(what) }
}

func buffer(_ data: UnsafePointer<UInt8>?, _ size: Int) -> ByteBuffer {
    ByteBuffer(bytes: UnsafeBufferPointer(start: data, count: size))
}

func isUTF8(_ bytes: ByteBuffer) -> Bool { String(validating: bytes.readableBytesView, as: UTF8.self) != nil }

extension ByteBuffer {
    /// Cuts into pieces whose sizes follow from `seed`, most of them small.
    func cut(_ seed: UInt8) -> [ByteBuffer] {
        var rest = self
        var state = UInt32(seed) &+ 1
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0 {
            state = state &* 1_664_525 &+ 1_013_904_223
            let size = state >> 31 == 0 ? 1 : Int(state >> 24 & 63) + 1
            if let piece = rest.readSlice(length: min(size, rest.readableBytes)) { pieces.append(piece) }
        }
        return pieces
    }
}
