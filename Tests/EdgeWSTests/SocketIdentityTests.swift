import NIOCore
import NIOHTTP1
import Shared
import Testing

@testable import Authentication
@testable import SocketIO
@testable import edge_ws

@Suite struct SocketIdentityTests {
    private static let now: Int64 = 1_800_000_000_000

    private func request(
        auth: String? = nil, query: String = "", headers: HTTPHeaders = [:]
    ) -> ConnectRequest {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/?\(query)", headers: headers)
        return ConnectRequest(
            namespace: "/", auth: auth.map { ByteBuffer(string: $0) },
            handshake: Handshake(head))
    }

    private func identity(_ request: ConnectRequest, _ authenticator: Authenticator? = nil) -> Result<
        SocketIdentity, SocketIdentity.Refusal
    > {
        Result { () throws(SocketIdentity.Refusal) in
            try SocketIdentity(request, authenticator: authenticator, now: Self.now)
        }
    }

    @Test func withoutTokensTheQueryNamesTheUser() throws {
        #expect(try identity(request(query: "userId=u1")).get().userID == "u1")
        #expect(try identity(request()).get().userID == nil)
        #expect(try identity(request(query: "userId=")).get().userID == nil)
        #expect(try identity(request(auth: #"{"token":7}"#)).get().expiresAt == nil)
        let long = identity(request(query: "userId=" + String(repeating: "u", count: 257)))
        #expect(long == .failure(SocketIdentity.invalid(.length)))
        let kelvin = identity(request(query: "userId=%E2%84%AAim"))
        #expect(kelvin == .failure(SocketIdentity.invalid(.normalization)))
    }

    @Test func theTokenIsLookedForInThePayloadThenTheQueryThenTheHeader() throws {
        let everywhere = request(
            auth: #"{"token":"payload"}"#, query: "token=query",
            headers: ["AUTHORIZATION": "Bearer header"])
        #expect(try SocketIdentity.token(everywhere) == "payload")
        let nothing = request(
            auth: #"{"token":null}"#, query: "token=query",
            headers: ["Authorization": "Bearer header"])
        #expect(try SocketIdentity.token(nothing) == "query")
        #expect(try SocketIdentity.token(request(headers: ["authorization": "bearer  header"])) == "header")
        #expect(try SocketIdentity.token(request(headers: ["authorization": "Basic header"])) == nil)
        #expect(throws: TokenFault.malformed) {
            try SocketIdentity.token(request(auth: #"{"token":{"a":1}}"#, query: "token=query"))
        }
    }

    @Test func withTokensNobodyComesInWithoutOne() async throws {
        let settings = AuthenticationSettings(
            source: .secret("0123456789abcdef0123456789abcdef"), rules: ClaimRules())
        let authenticator = try await Authenticator(settings)
        guard case .failure(let refusal) = identity(request(query: "userId=u1"), authenticator) else {
            Issue.record("let in")
            return
        }
        #expect(String(buffer: refusal.data) == #"{"code":"token-missing"}"#)
    }
}
