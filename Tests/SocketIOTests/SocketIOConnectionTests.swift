import NIOCore
import NIOEmbedded
import NIOHTTP1
import RawJSON
import Testing

@testable import SocketIO

/// A connection by polling, whose GETs show what it sends.
@Suite final class SocketIOConnectionTests {
    private let delegate: Everybody
    private let loop: EmbeddedEventLoop
    private let connection: SocketIOConnection
    private let session: EngineSession
    private let polling: PolledConnection

    init() {
        delegate = Everybody()
        polling = PolledConnection(namespaces: ["/"], delegate: delegate)
        (loop, connection, session) = (polling.loop, polling.connection, polling.session)
        session.start(connection)
        connection.received(.text(ByteBuffer(string: "0")))
        loop.run()
    }

    /// What waits for the client.
    private func polled() throws -> String {
        let channel = EmbeddedChannel(loop: loop)
        session.polled(HTTPExchange(channel: channel, keepAlive: true, isHead: false, headers: [:]))
        loop.run()
        var text = ""
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .body(.byteBuffer(let body)) = part { text += String(buffer: body) }
        }
        return text
    }

    private func ask(_ name: String, timeout: TimeAmount = .seconds(5)) throws -> Outcome {
        let outcome = Outcome()
        let socket = try #require(delegate.socket)
        socket.emitWithAck(name, arguments: [ByteBuffer(string: "1")], timeout: timeout)
            .assumeIsolated().whenComplete { outcome.result = $0 }
        return outcome
    }

    private final class Outcome {
        var result: Result<SocketIOAnswer, any Error>?
        var error: SocketIOAckError? {
            guard case .failure(let error)? = result else { return nil }
            return error as? SocketIOAckError
        }
    }

    @Test func theClientAcknowledges() throws {
        let first = try ask("a")
        let second = try ask("b")
        #expect(try polled().hasSuffix("\u{1E}421[\"a\",1]\u{1E}422[\"b\",1]"))
        connection.received(.text(ByteBuffer(string: "32[{\"x\":1},2]")))
        #expect(first.result == nil)
        #expect(try second.result?.get().arguments.map { String(buffer: $0.text) } == ["{\"x\":1}", "2"])
        connection.received(.text(ByteBuffer(string: "32[\"again\"]")))
        connection.received(.text(ByteBuffer(string: "399[\"unknown\"]")))
        #expect(try ask("c").result == nil && delegate.gone.isEmpty, "unknown ids are ignored")
        connection.received(.text(ByteBuffer(string: "61-1[{\"_placeholder\":true,\"num\":0}]")))
        connection.received(.binary(ByteBuffer(string: "data")))
        #expect(try first.result?.get().attachments == [ByteBuffer(string: "data")])
    }

    @Test func anAcknowledgementMayBeLate() throws {
        let outcome = try ask("a", timeout: .milliseconds(10))
        connection.tick(.now())
        #expect(outcome.result == nil)
        connection.tick(.now() + .seconds(1))
        #expect(outcome.error == .timeout)
    }

    @Test func aClientThatLeavesAcknowledgesNothing() throws {
        let outcome = try ask("a")
        let socket = try #require(delegate.socket)
        connection.received(.text(ByteBuffer(string: "1")))
        #expect(outcome.error == .disconnected)
        var late: SocketIOAckError?
        socket.emitWithAck("b", arguments: [], timeout: .seconds(1)).assumeIsolated()
            .whenFailure { late = $0 as? SocketIOAckError }
        #expect(late == .disconnected)
    }

    @Test func tooManyMayNotWait() throws {
        for _ in 0..<PendingAcks<Int>.limit { #expect(try ask("a").result == nil) }
        #expect(try ask("a").error == .tooMany)
    }

    @Test func anEndedSessionIsLetGo() throws {
        session.close(.forcedClose)
        #expect(delegate.gone == ["forced close"])
        #expect(try ask("a").error == .disconnected)
    }
}

private final class Everybody: SocketIODelegate, @unchecked Sendable {
    var socket: SocketIOSocket?
    var gone: [String] = []

    func connect(_ request: ConnectRequest, socket: SocketIOSocket) -> EventLoopFuture<ConnectDecision> {
        self.socket = socket
        return socket.eventLoop.makeSucceededFuture(.accept(Admission()))
    }
    func connected(_ socket: SocketIOSocket) {}
    func event(
        _ name: String, arguments: [JSONValue], attachments: [ByteBuffer], ack: SocketIOAck?,
        socket: SocketIOSocket
    ) {}
    func disconnected(_ socket: SocketIOSocket, reason: String) { gone.append(reason) }
}
