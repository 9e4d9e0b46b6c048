import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import SocketIO

@Suite final class WebSocketHandlerTests {
    private var gone: [EngineCloseReason] = []
    private let channel = EmbeddedChannel()

    init() throws {
        let handler = WebSocketHandler(maxPayload: 100) { [unowned self] event in
            if case .gone(let reason) = event { gone.append(reason) }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func ping() throws {
        try channel.writeInbound(
            WebSocketFrame(fin: true, opcode: .ping, maskKey: [1, 2, 3, 4], data: ByteBuffer(string: "p")))
    }

    @Test func answersPings() throws {
        try ping()
        let pong = try #require(try channel.readOutbound(as: WebSocketFrame.self))
        #expect(pong.opcode == .pong)
        #expect(gone == [])
    }

    @Test func whoTakesNoPongsIsDisconnected() throws {
        channel.isWritable = false
        try ping()
        #expect(try channel.readOutbound(as: WebSocketFrame.self) == nil)
        #expect(!channel.isActive)
        #expect(gone == [.slowConsumer])
    }
}
