import NIOCore
import Shared
import Testing

@testable import ActiveCampaign

@Suite struct DeliveryPolicyTests {
    private func verdict(
        _ status: Int, _ body: String = "{}", retryAfter: Duration? = nil
    ) -> DeliveryPolicy.Verdict {
        DeliveryPolicy.verdict(
            .answer(status: status, retryAfter: retryAfter, body: ByteBuffer(string: body)))
    }

    @Test func whatWasDoneIsAccepted() {
        for body in [#"{"contact":{}}"#, "", #"{"success":1}"#, #"{"success":"1"}"#, #"{"success":true}"#] {
            #expect(verdict(201, body) == .accepted(ByteBuffer(string: body)))
        }
    }

    @Test(arguments: [
        #"{"success":0}"#, #"{"success":"0"}"#, #"{"success":false}"#, #"{"a":1,"success": 0 }"#,
    ])
    func success0IsAFailure(_ body: String) {
        #expect(verdict(200, body) == .failed(reason: "status 200 with success: 0", after: nil))
    }

    @Test(arguments: [401, 403, 408, 429, 500, 503, 599])
    func whatMayPassIsTriedAgain(_ status: Int) {
        #expect(
            verdict(status, retryAfter: .seconds(7))
                == .failed(reason: "status \(status)", after: .seconds(7)))
    }

    @Test(arguments: [301, 400, 402, 404, 422])
    func whatWillFailAgainIsRefused(_ status: Int) {
        #expect(verdict(status, retryAfter: .seconds(7)) == .refused(reason: "status \(status)"))
    }

    @Test func theReasonHasACodeAndNoText() {
        let body = #"{"errors":[{"title":"a@x.example is not valid","code":"email_invalid"}]}"#
        #expect(verdict(422, body) == .refused(reason: "status 422: email_invalid"))
        for code in [#""a@x.example""#, #""""#, "7", "null"] {
            #expect(verdict(422, #"{"errors":[{"code":\#(code)}]}"#) == .refused(reason: "status 422"))
        }
        #expect(verdict(422, #"{"errors":{}}"#) == .refused(reason: "status 422"))
    }

    @Test func noAnswerIsTriedAgain() {
        #expect(DeliveryPolicy.verdict(.noAnswer(reason: "gone")) == .failed(reason: "gone", after: nil))
    }

    @Test func pausesGrowUntilItGivesUp() {
        let policy = DeliveryPolicy(attempts: 4)
        #expect(policy.next(after: 1, notBefore: nil, random: 1) == .retry(after: .seconds(1)))
        #expect(policy.next(after: 1, notBefore: nil, random: 0) == .retry(after: .milliseconds(500)))
        #expect(policy.next(after: 3, notBefore: nil, random: 1) == .retry(after: .seconds(4)))
        #expect(policy.next(after: 2, notBefore: .seconds(30), random: 1) == .retry(after: .seconds(30)))
        #expect(policy.next(after: 3, notBefore: .zero, random: 1) == .retry(after: .seconds(4)))
        #expect(policy.next(after: 4, notBefore: nil, random: 1) == .deadLetter)
        #expect(
            DeliveryPolicy(attempts: 100).next(after: 60, notBefore: nil, random: 1)
                == .retry(after: .seconds(600)))
    }
}

@Suite struct RetryAfterTests {
    private let now = 784_111_777  // Sun, 06 Nov 1994 08:49:37 GMT

    @Test func seconds() {
        #expect(RetryAfter.delay("0", date: nil, now: now) == .zero)
        #expect(RetryAfter.delay("120", date: nil, now: now) == .seconds(120))
        #expect(RetryAfter.delay("86401", date: nil, now: now) == .seconds(86_400))
        #expect(RetryAfter.delay("99999999999999999999", date: nil, now: now) == .seconds(86_400))
    }

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:40 GMT", "Sunday, 06-Nov-94 08:49:40 GMT", "Sun Nov  6 08:49:40 1994",
    ])
    func dates(_ date: String) {
        #expect(RetryAfter.delay(date, date: nil, now: now) == .seconds(3))
        #expect(RetryAfter.delay(date, date: nil, now: now + 10) == .zero)
        #expect(RetryAfter.delay(date, date: "Sun, 06 Nov 1994 08:49:30 GMT", now: 0) == .seconds(10))
        #expect(RetryAfter.delay(date, date: "yesterday", now: now) == .seconds(3))
        #expect(RetryAfter.delay(date, date: nil, now: 0) == .seconds(86_400))
    }

    @Test(arguments: [
        "", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:40", "Sun, 06 Nov 1994 25:49:40 GMT",
        "Sun, 06 Nvm 1994 08:49:40 GMT",
        "Sun, 32 Nov 1994 08:49:40 GMT", "Sun, 06 Nov 1994 08:49 GMT",
    ])
    func neither(_ field: String) { #expect(RetryAfter.delay(field, date: nil, now: now) == nil) }
}
