import HTTPTypes
public import NIOCore
import RawJSON
import Shared

/// What a request must be before anything is sent for it. Each rule throws the ``Problem`` that the client gets.
public enum RequestRules {
    public static func tooLarge(limit: Int) -> Problem {
        Problem(
            status: .contentTooLarge, code: "body-too-large",
            detail: "The body is larger than \(limit) bytes.")
    }

    /// One JSON object, without the white space around it: services see a first byte of `{` (Kafka contract §3).
    public static func body(_ bytes: ByteBuffer, maxDepth: Int) throws(Problem) -> ByteBuffer {
        let kind: JSONKind
        do {
            kind = try RawJSON.validate(bytes, maxDepth: maxDepth)
        } catch {
            throw Problem(
                status: .badRequest, code: "malformed-json", detail: "The body is not valid JSON: \(error).")
        }
        guard kind == .object else {
            throw Problem(
                status: .unprocessableContent, code: "not-an-object",
                detail: "The body must be one JSON object.",
                faults: [.init(pointer: "", detail: "must be an object")])
        }
        return RawJSON.trimmed(bytes)
    }

    /// Who has said who they are by a token speaks for nobody else: a `userId` of the body must be the token's.
    ///
    /// - Parameter body: what ``body(_:maxDepth:)`` has let pass.
    static func checkUser(_ body: ByteBuffer, is userID: String, maxDepth: Int) throws(Problem) {
        let members = (try? RawJSON.object(body, maxDepth: maxDepth))?.members ?? []
        // Every one of them: which of two with the same name counts is up to whoever reads them.
        let isOwn = members.allSatisfy { member in
            if member.key != "userId" || member.kind == .null { return true }
            // By bytes, as services compare: Swift takes more for the same.
            let named = UserID.text(JSONValue(text: member.value, kind: member.kind))
            return named.map { $0.utf8.elementsEqual(userID.utf8) } ?? false
        }
        guard isOwn else {
            throw Problem(
                status: .forbidden, code: "user-mismatch",
                detail: "The token is another user's than the one that the body names.",
                faults: [.init(pointer: "/userId", detail: "must be the token's user")])
        }
    }

    /// Card data goes only to operations that are made for it, so that the others stay out of PCI DSS' scope.
    private static func checkCardData(_ body: ByteBuffer) throws(Problem) {
        let findings = CardData.findings(in: body)
        guard findings.isEmpty else {
            throw Problem(
                status: .unprocessableContent, code: "card-data",
                detail: "Card numbers and security codes must not be sent to this operation.",
                faults: findings.map { finding in
                    let detail =
                        switch finding.kind {
                        case .number: "must not be or hold a card number"
                        case .numberAsName: "must not have a member with a card number as its name"
                        case .securityCode: "must not be a card's security code"
                        }
                    return .init(pointer: finding.pointer, detail: detail)
                })
        }
    }

    /// Whether the body is the caller's own, has no card data that the operation does not take, and fits its schema.
    ///
    /// - Parameters:
    ///   - body: what ``body(_:maxDepth:)`` has let pass.
    ///   - userID: the user of the caller's token; nil where there is none.
    public static func check(
        _ body: ByteBuffer, for route: Route, of userID: String?, maxDepth: Int
    ) throws(Problem) {
        if let userID { try checkUser(body, is: userID, maxDepth: maxDepth) }
        // First, since a schema's faults may name a key that is a card number.
        if !route.allowsCardData { try checkCardData(body) }
        let faults = route.faults(of: body, maxDepth: maxDepth)
        guard faults.isEmpty else {
            throw Problem(
                status: .unprocessableContent, code: "invalid-body",
                detail: faults.count == 1
                    ? "The body has a fault." : "The body has \(faults.count) faults.", faults: faults)
        }
    }
}
