import Authentication
import NIOCore
import RawJSON
import Shared
import SocketIO

/// Who a client that joins is, by its token where tokens are checked, else by what it says.
struct SocketIdentity: Equatable {
    /// Nil as long as nobody is named, which only clients without tokens may leave open.
    let userID: String?
    /// When the client has to go, in milliseconds since 1970; nil: never.
    let expiresAt: Int64?

    /// Why a client may not join, as its CONNECT_ERROR tells it.
    struct Refusal: Error, Equatable {
        let code: String
        let message: String

        /// `{"code":"…"}`
        var data: ByteBuffer {
            var buffer = ByteBuffer(string: "{\"code\":")
            buffer.writeJSONString(code)
            buffer.writeStaticString("}")
            return buffer
        }
    }

    static let mismatch = Refusal(
        code: "user-mismatch", message: "The token is another user's than the one that is named.")

    static let tooMany = Refusal(
        code: "too-many-connections", message: "This user has too many connections already.")

    static func invalid(_ fault: UserID.Fault) -> Refusal {
        Refusal(code: fault.rawValue, message: "userId \(fault)")
    }

    /// - Parameters:
    ///   - authenticator: nil when nobody has to say who they are by a token.
    ///   - now: milliseconds since 1970.
    init(_ request: ConnectRequest, authenticator: Authenticator?, now: Int64) throws(Refusal) {
        // An empty one is a page's that does not know its user yet.
        let named = request.query("userId").flatMap { $0.isEmpty ? nil : $0 }
        if let fault = named.flatMap(UserID.fault) { throw Self.invalid(fault) }
        guard let authenticator else {
            userID = named
            expiresAt = nil
            return
        }
        let caller: Caller
        do {
            caller = try authenticator.caller(of: try Self.token(request), now: now)
        } catch {
            throw Refusal(code: error.code, message: error.message)
        }
        guard named == nil || named == caller.userID else { throw Self.mismatch }
        userID = caller.userID
        expiresAt = caller.expiresAt
    }

    /// The first of: `token` of CONNECT's payload, `token` of the handshake's query, its `Authorization` header.
    static func token(_ request: ConnectRequest) throws(TokenFault) -> String? {
        if let auth = request.auth, let given = (try? RawJSON.object(auth))?["token"], given.kind != .null {
            guard let token = given.string else { throw .malformed }
            return token
        }
        if let token = request.query("token") { return token }
        let header = request.headers.first { $0.name.lowercased() == "authorization" }
        return Authenticator.bearerToken(header?.value)
    }
}
