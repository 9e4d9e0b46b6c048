import NIOHTTP1
import Testing

@testable import SocketIO

@Suite struct EngineRequestTests {
    private func classify(
        _ query: String, method: HTTPMethod = .GET, isUpgrade: Bool = false
    ) throws(EngineError) -> EngineRequest {
        try EngineRequest(
            method: method, url: EngineURL("/socket.io/?\(query)"), isUpgrade: isUpgrade,
            isKnown: { $0 == "known" })
    }

    @Test func classifies() throws {
        #expect(try classify("EIO=4&transport=polling") == .pollingHandshake)
        #expect(try classify("EIO=4&transport=websocket", isUpgrade: true) == .webSocketHandshake)
        #expect(try classify("EIO=4&transport=polling&sid=known&t=1") == .poll(sid: "known"))
        #expect(try classify("EIO=4&transport=polling&sid=known", method: .POST) == .post(sid: "known"))
        #expect(
            try classify("EIO=4&transport=websocket&sid=known", isUpgrade: true)
                == .webSocketUpgrade(sid: "known"))
    }

    static let wrong: [(String, HTTPMethod, Bool, EngineError)] = [
        ("EIO=4", .GET, false, .transportUnknown),
        ("EIO=4&transport=abc", .GET, false, .transportUnknown),
        ("transport=polling", .GET, false, .unsupportedVersion),
        ("EIO=3&transport=polling", .GET, false, .unsupportedVersion),
        ("EIO=3&transport=websocket", .GET, true, .unsupportedVersion),
        ("EIO=4&transport=polling", .POST, false, .badHandshakeMethod),
        ("EIO=4&transport=polling", .PUT, false, .badHandshakeMethod),
        ("EIO=4&transport=websocket", .GET, false, .badRequest),
        ("EIO=4&transport=polling&sid=other", .GET, false, .sessionUnknown),
        ("EIO=4&transport=polling&sid=known", .PUT, false, .badRequest),
        ("EIO=4&transport=websocket&sid=known", .GET, false, .badRequest),
    ]

    @Test(arguments: wrong)
    func refuses(_ query: String, _ method: HTTPMethod, _ isUpgrade: Bool, _ error: EngineError) {
        #expect(throws: error) { try classify(query, method: method, isUpgrade: isUpgrade) }
    }

    @Test func decodesTheQuery() {
        let url = EngineURL("/socket.io/?userId=a%2Fb+c&x&y=1=2&z=%zz")
        #expect(url.path == "/socket.io/")
        #expect(url["userId"] == "a/b c")
        #expect(url["x"] == "")
        #expect(url["y"] == "1=2")
        #expect(url["z"] == "%zz")
        #expect(url["absent"] == nil)
    }

    private func head(_ headers: HTTPHeaders, method: HTTPMethod = .GET) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: method, uri: "/", headers: headers)
    }

    @Test func allowsListedOriginsWithCredentials() {
        let policy = OriginPolicy(["https://shop.example"])
        let listed = policy.headers(for: head(["origin": "https://shop.example"]))
        #expect(listed["access-control-allow-origin"] == ["https://shop.example"])
        #expect(listed["access-control-allow-credentials"] == ["true"])
        #expect(listed["vary"] == ["Origin"])
        let other = policy.headers(for: head(["origin": "https://evil.example"]))
        #expect(other["access-control-allow-origin"].isEmpty)
        #expect(other["vary"] == ["Origin"])
    }

    @Test func answersPreflights() {
        let headers = OriginPolicy(["*"]).headers(
            for: head(["access-control-request-headers": "x-a"], method: .OPTIONS))
        #expect(headers["access-control-allow-origin"] == ["*"])
        #expect(headers["access-control-allow-methods"] == ["GET,HEAD,PUT,PATCH,POST,DELETE"])
        #expect(headers["access-control-allow-headers"] == ["x-a"])
        #expect(OriginPolicy([]).headers(for: head([:], method: .OPTIONS)).isEmpty)
    }

    @Test func guardsWebSocketsByOrigin() {
        let policy = OriginPolicy(["https://shop.example"])
        #expect(policy.allowsWebSocket(head([:])))
        #expect(policy.allowsWebSocket(head(["origin": "https://shop.example"])))
        #expect(policy.allowsWebSocket(head(["origin": "http://me:80", "host": "me:80"])))
        #expect(!policy.allowsWebSocket(head(["origin": "https://evil.example", "host": "me:80"])))
        #expect(OriginPolicy(["*"]).allowsWebSocket(head(["origin": "https://evil.example"])))
    }
}
