import NIOCore
import RawJSON
import Testing

@testable import Authentication

@Suite struct ClaimRulesTests {
    private static let now: Int64 = 1_700_000_000_000

    private func check(
        _ claims: String, now: Int64 = Self.now, _ change: (inout ClaimRules) -> Void = { _ in }
    ) -> Result<Caller, TokenFault> {
        var rules = ClaimRules()
        change(&rules)
        return Result { () throws(TokenFault) in
            guard let object = try? RawJSON.object(ByteBuffer(string: claims)) else { throw .malformed }
            return try rules.check(object, now: now)
        }
    }

    @Test func theUserAndTheExpiryAreTheClaims() {
        #expect(
            check(#"{"sub":"u1","exp":1700000060}"#)
                == .success(Caller(userID: "u1", expiresAt: 1_700_000_060_000)))
        #expect(
            check(#"{"sub":7,"exp":1700000060.25}"#)
                == .success(Caller(userID: "7", expiresAt: 1_700_000_060_250)))
        #expect(
            check(#"{"sub":"x","uid":"u2","exp":1.70000006e9}"#) { $0.userClaim = "uid" }
                == .success(Caller(userID: "u2", expiresAt: 1_700_000_060_000)))
    }

    @Test func theExpiryItselfIsTooLate() {
        let claims = #"{"sub":"u","exp":1700000000}"#
        #expect(check(claims, now: Self.now - 1).isSuccess)
        #expect(check(claims, now: Self.now) == .failure(.expired))
        #expect(check(claims, now: Self.now + 4999) { $0.leeway = 5000 }.isSuccess)
        #expect(check(claims, now: Self.now + 5000) { $0.leeway = 5000 } == .failure(.expired))
    }

    @Test func notBeforeIsKept() {
        let claims = #"{"sub":"u","exp":1700009999,"nbf":1700000010}"#
        #expect(check(claims) == .failure(.notYetValid))
        #expect(check(claims, now: Self.now + 10_000).isSuccess)
        #expect(check(claims) { $0.leeway = 10_000 }.isSuccess)
        #expect(check(claims) { $0.leeway = 9_999 } == .failure(.notYetValid))
    }

    @Test(
        arguments: [
            (#"{"sub":"u"}"#, .noExpiry),
            (#"{"sub":"u","exp":null}"#, .malformed),
            (#"{"sub":"u","exp":"1700000060"}"#, .malformed),
            (#"{"sub":"u","exp":-1}"#, .malformed),
            (#"{"sub":"u","exp":1e300}"#, .malformed),
            (#"{"sub":"u","exp":1700000060,"nbf":"now"}"#, .malformed),
            (#"{"exp":1700000060}"#, .noUser),
            (#"{"sub":"","exp":1700000060}"#, .noUser),
            (#"{"sub":null,"exp":1700000060}"#, .noUser),
            (#"{"sub":{"id":1},"exp":1700000060}"#, .noUser),
            (#"{"sub":1.5,"exp":1700000060}"#, .noUser),
        ] as [(String, TokenFault)])
    func wrongClaims(claims: String, fault: TokenFault) {
        #expect(check(claims) == .failure(fault))
    }

    @Test func aUserIDMayHave256Bytes() {
        func claims(_ length: Int) -> String {
            #"{"sub":"\#(String(repeating: "u", count: length))","exp":1700000060}"#
        }
        #expect(check(claims(256)).isSuccess)
        #expect(check(claims(257)) == .failure(.noUser))
    }

    @Test func aUserIDThatIsNotNormalizedCouldBeTakenForAnothers() {
        #expect(check(#"{"sub":"\u00e9","exp":1700000060}"#).isSuccess)
        #expect(check(#"{"sub":"\u212aim","exp":1700000060}"#) == .failure(.noUser))
    }

    @Test func issuerAndAudienceAreComparedWhenTheyAreSet() {
        let claims = #"{"sub":"u","exp":1700000060,"iss":"https://id","aud":["a","b"]}"#
        #expect(check(claims).isSuccess)
        #expect(check(claims) { $0.issuer = "https://id" }.isSuccess)
        #expect(check(claims) { $0.issuer = "https://id/" } == .failure(.wrongIssuer))
        #expect(check(claims) { $0.audience = "b" }.isSuccess)
        #expect(check(claims) { $0.audience = "c" } == .failure(.wrongAudience))
        let bare = #"{"sub":"u","exp":1700000060,"aud":"a"}"#
        #expect(check(bare) { $0.audience = "a" }.isSuccess)
        #expect(check(bare) { $0.issuer = "https://id" } == .failure(.wrongIssuer))
        #expect(check(#"{"sub":"u","exp":1700000060}"#) { $0.audience = "a" } == .failure(.wrongAudience))
    }
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
