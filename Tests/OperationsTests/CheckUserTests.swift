import NIOCore
import Testing

@testable import Operations

@Suite struct CheckUserTests {
    @Test(arguments: [
        ("{}", true), (#"{"a":{"userId":"u2"}}"#, true),
        (#"{"userId":"u1"}"#, true), (#"{"userId":null}"#, true), (#"{"userId":"u2"}"#, false),
        (#"{"userId":1}"#, false), (#"{"userId":"u1","userId":"u2"}"#, false),
        (#"{"userId":["u1"]}"#, false),
    ])
    func theBodyNamesNobodyElse(body: String, isFine: Bool) {
        var problem: Problem?
        do throws(Problem) {
            try RequestRules.checkUser(ByteBuffer(string: body), is: "u1", maxDepth: 64)
        } catch {
            problem = error
        }
        #expect(problem?.code == (isFine ? nil : "user-mismatch"))
        #expect(problem?.faults.map(\.pointer) == (isFine ? nil : ["/userId"]))
    }

    @Test func whatServicesTellApartIsNotTheSameUser() {
        #expect(throws: Problem.self) {
            try RequestRules.checkUser(ByteBuffer(string: #"{"userId":"\u212aim"}"#), is: "Kim", maxDepth: 64)
        }
    }

    @Test func anIntegerIsTheUserOfItsDigits() throws {
        try RequestRules.checkUser(ByteBuffer(string: #"{"userId":123}"#), is: "123", maxDepth: 64)
    }
}
