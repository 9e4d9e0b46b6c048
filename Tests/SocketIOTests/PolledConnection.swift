import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import SocketIO

/// A session by polling and the Socket.IO connection over it, on an event loop that the test turns.
final class PolledConnection {
    let loop = EmbeddedEventLoop()
    let session: EngineSession
    let connection: SocketIOConnection
    private let server: EngineIOServer

    init(namespaces: Set<String>, delegate: any SocketIODelegate) {
        let shared = SocketIOServer.Shared(
            connectTimeout: .seconds(45), namespaces: namespaces, delegate: delegate, group: loop)
        server = EngineIOServer(.init(), group: loop, logger: Logger(label: "test")) {
            SocketIOConnection($0, shared)
        }
        session = EngineSession(
            sid: "s", handshake: Handshake(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")),
            link: nil, server: server, loop: EngineLoop(loop))
        connection = SocketIOConnection(session, shared)
    }
}
