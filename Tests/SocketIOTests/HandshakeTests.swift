import NIOHTTP1
import Testing

@testable import SocketIO

@Suite struct HandshakeTests {
    @Test func keepsQueryAndHeaders() {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/socket.io/?EIO=4&userId=a%20b",
            headers: ["Host": "x", "empty": "", "Authorization": "Bearer t: 1"])
        let handshake = Handshake(head)
        #expect(handshake.query.map(\.name) == ["EIO", "userId"])
        #expect(handshake.query.map(\.value) == ["4", "a b"])
        #expect(handshake.headers.map(\.name) == ["Host", "empty", "Authorization"])
        #expect(handshake.headers.map(\.value) == ["x", "", "Bearer t: 1"])
    }

    @Test func hasNoHeadersWhereNoneCame() {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        #expect(Handshake(head).headers.isEmpty)
    }
}
