import NIOCore
import NIOEmbedded
import Testing

@testable import SocketIO

@Suite final class WebSocketHandlerTests {
    private var events: [String] = []
    private let channel = EmbeddedChannel()

    init() throws {
        let handler = WebSocketHandler(maxMessage: 100) { [unowned self] event in
            switch event {
            case .message(.text(let text)): events.append(String(buffer: text))
            case .message(.binary(let data)): events.append("\(data.readableBytes) bytes")
            case .gone(let reason): events.append(reason.rawValue)
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func send(_ frames: ClientFrame...) throws {
        try channel.writeInbound(ByteBuffer(bytes: frames.flatMap(\.bytes)))
    }

    private func answer() throws -> [UInt8]? {
        try channel.readOutbound(as: ByteBuffer.self).map { Array($0.readableBytesView) }
    }

    @Test func passesMessagesOn() throws {
        try send(ClientFrame(1, "a"), ClientFrame(2, [1, 2]))
        #expect(events == ["a", "2 bytes"])
    }

    @Test func answersPings() throws {
        try send(ClientFrame(9, "p"))
        #expect(try answer() == [0x8A, 1, UInt8(ascii: "p")])
        #expect(events == [])
    }

    @Test func whoTakesNoPongsIsDisconnected() throws {
        channel.isWritable = false
        try send(ClientFrame(9, "p"))
        #expect(try answer() == nil)
        #expect(!channel.isActive)
        #expect(events == ["slow consumer"])
    }

    @Test func answersACloseByItsCode() throws {
        try send(ClientFrame(8, [3, 0xE8, 0x78]), ClientFrame(1, "late"))
        #expect(try answer() == [0x88, 2, 3, 0xE8])
        #expect(events == ["transport close"])
    }

    @Test func closesByTheCodeOfAFault() throws {
        try send(ClientFrame(1, "a"), ClientFrame(1, [0xFF]), ClientFrame(1, "late"))
        #expect(try answer() == [0x88, 2, 3, 0xEF])
        #expect(events == ["a", "transport error"])
    }

    @Test func closesAfterAWhileThoughTheClientDoesNot() throws {
        channel.triggerUserOutboundEvent(WebSocketHandler.CloseRequest(code: .normal), promise: nil)
        #expect(try answer() == [0x88, 2, 3, 0xE8])
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
        #expect(events == [], "whoever asked for it knows")
    }

    @Test func whoTakesNothingIsNotWaitedFor() throws {
        channel.isWritable = false
        channel.triggerUserOutboundEvent(WebSocketHandler.CloseRequest(code: .normal), promise: nil)
        #expect(!channel.isActive)
    }

    @Test func aClientThatHasSaidAllIsGone() throws {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(try answer() == [0x88, 0])
        #expect(events == ["transport close"])
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
    }

    @Test func aConnectionThatBreaksIsGone() throws {
        _ = try channel.finish()
        #expect(events == ["transport close"])
    }
}
