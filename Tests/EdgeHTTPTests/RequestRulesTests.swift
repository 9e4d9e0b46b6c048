import HTTPTypes
import NIOCore
import Operations
import Testing

@testable import edge_http

@Suite struct RequestRulesTests {
    private func status(_ body: () throws -> Void) -> Int? {
        do {
            try body()
            return nil
        } catch let problem as Problem {
            return problem.status.code
        } catch {
            return -1
        }
    }

    @Test(
        arguments: [
            ("application/json", nil), ("Application/JSON; charset=UTF-8", nil),
            ("application/json;charset=\"utf-8\"", nil), ("text/plain", 415), ("application/jsonp", 415),
            ("application/json; charset=latin1", 415), ("", 415),
        ] as [(String, Int?)])
    func contentType(value: String, expected: Int?) {
        #expect(status { try RequestRules.checkContentType([.contentType: value]) } == expected)
    }

    @Test func emptyEntriesOfForwardedForSayNothing() {
        var headers: HTTPFields = [RequestRules.forwardedForField: "192.0.2.1, ,10.0.0.1,"]
        headers.append(HTTPField(name: RequestRules.forwardedForField, value: " 10.0.0.2 "))
        #expect(RequestRules.forwardedFor(headers) == ["192.0.2.1", "10.0.0.1", "10.0.0.2"])
    }

    @Test func contentTypeMustBeThereAndTheBodyNotCompressed() {
        #expect(status { try RequestRules.checkContentType([:]) } == 415)
        #expect(
            status {
                try RequestRules.checkContentType([
                    .contentType: "application/json", .contentEncoding: "gzip",
                ])
            } == 415)
        #expect(
            status {
                try RequestRules.checkContentType([
                    .contentType: "application/json", .contentEncoding: "identity",
                ])
            } == nil)
    }

    @Test(
        arguments: [
            ("*/*", nil), ("application/json", nil), ("text/html, application/*;q=0.5", nil),
            ("text/html", 406), ("application/json;q=0", 406), ("text/html, */*; q=0.0", 406),
        ] as [(String, Int?)])
    func accept(value: String, expected: Int?) {
        #expect(status { try RequestRules.checkAccept([.accept: value]) } == expected)
    }

    @Test(
        arguments: [
            ("{\"a\":1}", nil), (" \n{} ", nil), ("", 400), ("{", 400), ("{\"a\":1}x", 400), ("nope", 400),
            ("[]", 422), ("1", 422), ("\"{}\"", 422), ("null", 422),
        ] as [(String, Int?)])
    func bodies(text: String, expected: Int?) {
        #expect(status { _ = try RequestRules.body(ByteBuffer(string: text), maxDepth: 64) } == expected)
    }

    @Test func aBodyIsSentWithoutTheSpaceAroundIt() throws {
        let body = try RequestRules.body(ByteBuffer(string: "\r\n { \"a\" : 1 }\t"), maxDepth: 64)
        #expect(String(buffer: body) == "{ \"a\" : 1 }")
    }

    @Test func depthAndUTF8() {
        let deep = String(repeating: "{\"a\":", count: 10_000) + "1" + String(repeating: "}", count: 10_000)
        #expect(status { _ = try RequestRules.body(ByteBuffer(string: deep), maxDepth: 64) } == 400)
        let wrong = ByteBuffer(bytes: Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8))
        #expect(status { _ = try RequestRules.body(wrong, maxDepth: 64) } == 400)
    }

    @Test(arguments: [
        ("abc", "abc"), ("\"8e03978e-40d5\"", "8e03978e-40d5"),
        (String(repeating: "k", count: 255), String(repeating: "k", count: 255)),
    ])
    func idempotencyKeys(field: String, key: String) throws {
        #expect(try RequestRules.idempotencyKey([RequestRules.idempotencyKeyField: field]) == key)
    }

    @Test(arguments: ["", "\"\"", "a b", "a\"b", String(repeating: "k", count: 256)])
    func wrongIdempotencyKeys(field: String) {
        #expect(
            status { _ = try RequestRules.idempotencyKey([RequestRules.idempotencyKeyField: field]) } == 400)
    }

    @Test func requestIDs() throws {
        let name = RequestRules.requestIDField
        #expect(RequestRules.requestID([name: "order-7:a/b"], fallback: "f") == "order-7:a/b")
        #expect(RequestRules.requestID([:], fallback: "f") == "f")
        for wrong in ["", "a b", "<script>", "é", String(repeating: "x", count: 129)] {
            #expect(RequestRules.requestID([name: wrong], fallback: "f") == "f")
        }
    }
}
