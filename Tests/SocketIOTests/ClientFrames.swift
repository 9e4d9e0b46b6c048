import NIOCore

@testable import SocketIO

/// Frames as a client sends them, right ones and wrong ones.
struct ClientFrame {
    var first: UInt8
    var data: [UInt8]
    var mask: [UInt8]? = [0x12, 0x34, 0x56, 0x78]
    /// Bytes of the length; 0: the shortest form.
    var lengthBytes = 0
    /// What the header says of the length, where that is to differ from the truth.
    var claimed: UInt64?

    init(_ opcode: UInt8, _ data: [UInt8] = [], fin: Bool = true, reserved: UInt8 = 0) {
        first = (fin ? 0x80 : 0) | reserved << 4 | opcode
        self.data = data
    }

    init(_ opcode: UInt8, _ text: String, fin: Bool = true) { self.init(opcode, Array(text.utf8), fin: fin) }

    var bytes: [UInt8] {
        let length = claimed ?? UInt64(data.count)
        let flag: UInt8 = mask == nil ? 0 : 0x80
        var bytes = [first]
        if lengthBytes == 8 || (lengthBytes == 0 && length > 0xFFFF) {
            bytes.append(flag | 127)
            bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
        } else if lengthBytes == 2 || length > 125 {
            bytes.append(flag | 126)
            bytes += [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        } else {
            bytes.append(flag | UInt8(length))
        }
        guard let mask else { return bytes + data }
        return bytes + mask + data.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}
