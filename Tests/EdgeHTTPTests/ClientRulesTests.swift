import Logging
import Testing

@testable import edge_http

@Suite struct ClientRulesTests {
    private let rules = ClientRules(
        timeouts: ClientTimeouts(
            header: .seconds(1), body: .seconds(1), idle: .seconds(1), answer: .seconds(1)),
        bodyLimit: 100, faults: ClientFaults(logger: Self.logger), drain: ListenerDrain(logger: Self.logger),
        isSecure: false)
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test(arguments: [
        (["100-continue"], "100", true), (["100-Continue"], nil, true), (["100-continue"], "101", false),
        (["other"], "5", false), ([], "5", false),
    ])
    func aClientIsAskedForABodyThatMayBeTaken(expectations: [String], length: String?, isAsked: Bool) {
        #expect(rules.expectsContinue(expectations, contentLength: length) == isAsked)
    }
}
