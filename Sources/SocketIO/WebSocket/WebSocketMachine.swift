import NIOCore

/// What a server receives on one WebSocket (RFC 6455): bytes in, messages and what must be answered out.
///
/// It judges each byte as it comes: a frame is refused by its header, before its data, and text by its first wrong
/// byte, before its end. No extension is ever agreed on. It does no I/O.
struct WebSocketMachine {
    enum Event: Equatable {
        case message(WebSocketMessage)
        /// To be answered by a pong with this data.
        case ping(ByteBuffer)
        /// The client closes: to be answered by a close frame with this code, or an empty one.
        case closed(WebSocketCloseCode?)
        /// The client broke the protocol: close with this code.
        case failed(WebSocketCloseCode)
    }

    private struct Frame {
        let opcode: WebSocketOpcode
        let isLast: Bool
        /// Bytes of data that are still to come.
        var rest = 0
        /// The masking key, its next byte lowest.
        var key: UInt32 = 0
    }

    /// Where in a frame the next byte belongs.
    private enum State {
        case start
        case length(Frame)
        case extendedLength(Frame, bytes: Int, missing: Int, value: UInt64)
        case maskingKey(Frame, missing: Int)
        case data(Frame)
        /// Closed or failed; nothing counts any more (§5.5.1).
        case ended
    }

    private let maxMessage: Int
    private var state = State.start
    /// The kind of the message at hand; nil between messages.
    private var kind: WebSocketOpcode?
    private var message = ByteBuffer()
    private var utf8 = UTF8Validator()
    private var control = ByteBuffer()

    /// - Parameter maxMessage: bytes of one message, all its fragments together; more fails with 1009.
    init(maxMessage: Int) { self.maxMessage = maxMessage }

    /// Consumes bytes up to the next event; nil when there is none in them.
    mutating func next(_ bytes: inout ByteBuffer) -> Event? {
        do throws(Failure) {
            while true {
                if case .data(let frame) = state, frame.rest == 0 {
                    if let event = try ended(frame) { return event }
                } else if case .ended = state {
                    bytes.moveReaderIndex(to: bytes.writerIndex)
                    return nil
                } else if bytes.readableBytes == 0 {
                    return nil
                } else {
                    try step(&bytes)
                }
            }
        } catch {
            state = .ended
            message = ByteBuffer()
            return .failed(error.code)
        }
    }

    private struct Failure: Error {
        let code: WebSocketCloseCode

        init(_ code: WebSocketCloseCode) { self.code = code }
    }

    // MARK: - Headers

    private mutating func step(_ bytes: inout ByteBuffer) throws(Failure) {
        if case .data(var frame) = state {
            try take(&frame, &bytes)
            state = .data(frame)
            return
        }
        guard let byte = bytes.readInteger(as: UInt8.self) else { return }
        switch state {
        case .start: state = .length(try frame(byte))
        case .length(let frame): try length(frame, byte)
        case .extendedLength(var frame, let count, let missing, let before):
            let value = before << 8 | UInt64(byte)
            guard missing == 1 else {
                state = .extendedLength(frame, bytes: count, missing: missing - 1, value: value)
                return
            }
            // The shortest form is the only one (§5.2).
            guard value > (count == 2 ? 125 : 0xFFFF), value <= UInt64(Int64.max) else {
                throw Failure(.protocolError)
            }
            frame.rest = Int(value)
            try expectKey(frame)
        case .maskingKey(var frame, let missing):
            frame.key = frame.key >> 8 | UInt32(byte) << 24
            state = missing == 1 ? .data(frame) : .maskingKey(frame, missing: missing - 1)
        case .data, .ended: break
        }
    }

    private func frame(_ byte: UInt8) throws(Failure) -> Frame {
        // No extension gives the reserved bits a meaning.
        guard byte & 0x70 == 0, let opcode = WebSocketOpcode(rawValue: byte & 0x0F) else {
            throw Failure(.protocolError)
        }
        let frame = Frame(opcode: opcode, isLast: byte & 0x80 != 0)
        guard !opcode.isControl else {
            guard frame.isLast else { throw Failure(.protocolError) }
            return frame
        }
        guard (opcode == .continuation) == (kind != nil) else { throw Failure(.protocolError) }
        return frame
    }

    private mutating func length(_ frame: Frame, _ byte: UInt8) throws(Failure) {
        // A client masks every frame (§5.1), and a control frame has 125 bytes at most (§5.5).
        guard byte & 0x80 != 0, byte & 0x7F <= 125 || !frame.opcode.isControl else {
            throw Failure(.protocolError)
        }
        switch byte & 0x7F {
        case 126: state = .extendedLength(frame, bytes: 2, missing: 2, value: 0)
        case 127: state = .extendedLength(frame, bytes: 8, missing: 8, value: 0)
        case let length:
            var frame = frame
            frame.rest = Int(length)
            try expectKey(frame)
        }
    }

    private mutating func expectKey(_ frame: Frame) throws(Failure) {
        guard frame.opcode.isControl || frame.rest <= maxMessage - message.readableBytes else {
            throw Failure(.tooLarge)
        }
        if !frame.opcode.isControl, frame.opcode != .continuation {
            kind = frame.opcode
            utf8 = UTF8Validator()
        }
        state = .maskingKey(frame, missing: 4)
    }

    // MARK: - Data

    private mutating func take(_ frame: inout Frame, _ bytes: inout ByteBuffer) throws(Failure) {
        let count = min(frame.rest, bytes.readableBytes)
        frame.rest -= count
        if frame.opcode.isControl {
            control.writeUnmasked(&bytes, count, &frame.key)
            return
        }
        message.writeUnmasked(&bytes, count, &frame.key)
        guard kind == .text else { return }
        let isValid = message.withUnsafeReadableBytes {
            utf8.accept(UnsafeRawBufferPointer(rebasing: $0.suffix(count)))
        }
        guard isValid else { throw Failure(.invalidData) }
    }

    private mutating func ended(_ frame: Frame) throws(Failure) -> Event? {
        state = .start
        switch frame.opcode {
        case .continuation, .text, .binary: return frame.isLast ? try messageEnded() : nil
        case .ping: return .ping(takeControl())
        case .pong:
            control.clear()
            return nil
        case .close:
            let code = try Self.closeCode(takeControl())
            state = .ended
            message = ByteBuffer()
            return .closed(code)
        }
    }

    private mutating func messageEnded() throws(Failure) -> Event {
        let isText = kind == .text
        guard !isText || utf8.isComplete else { throw Failure(.invalidData) }
        kind = nil
        defer { message = ByteBuffer() }
        return .message(isText ? .text(message) : .binary(message))
    }

    private mutating func takeControl() -> ByteBuffer {
        defer { control = ByteBuffer() }
        return control
    }

    /// The code of a close frame, which is a number and a reason, or nothing at all (§5.5.1).
    private static func closeCode(_ data: ByteBuffer) throws(Failure) -> WebSocketCloseCode? {
        guard data.readableBytes > 0 else { return nil }
        var reason = data
        guard let code = reason.readInteger(as: UInt16.self).map(WebSocketCloseCode.init), code.isValid else {
            throw Failure(.protocolError)
        }
        guard String(validating: reason.readableBytesView, as: UTF8.self) != nil else {
            throw Failure(.invalidData)
        }
        return code
    }
}

extension ByteBuffer {
    /// Moves `count` bytes here from another buffer, unmasked (§5.3).
    ///
    /// - Parameter key: the masking key, its next byte lowest; it is turned on by as many bytes.
    fileprivate mutating func writeUnmasked(_ other: inout ByteBuffer, _ count: Int, _ key: inout UInt32) {
        let word = (UInt64(key) << 32 | UInt64(key)).littleEndian
        other.readWithUnsafeReadableBytes { source in
            writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                var index = 0
                while index + 8 <= count {
                    let masked = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    target.storeBytes(of: masked ^ word, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: key >> (8 * UInt32(index & 3)))
                    index += 1
                }
                return count
            }
            return count
        }
        let turn = 8 * UInt32(count & 3)
        if turn > 0 { key = key >> turn | key << (32 - turn) }
    }
}
