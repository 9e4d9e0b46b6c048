import NIOCore
import Testing

@testable import ResponseCache

@Suite struct ResourceNamesTests {
    private func change(_ bodies: String...) -> ResourceNames {
        bodies.count == 1
            ? .ofChange(ByteBuffer(string: bodies[0]))
            : .ofChange(ByteBuffer(string: bodies[0]), ByteBuffer(string: bodies[1]))
    }

    private func answer(_ request: String, _ answer: String) -> ResourceNames {
        .ofAnswer(request: ByteBuffer(string: request), answer: ByteBuffer(string: answer))
    }

    @Test(arguments: [
        #"{"id":"pi_1"}"#, #"{"paymentIntentId":"pi_1"}"#, #"{"payment_intent_id":"pi_1"}"#,
        #"{"intentID":"pi_1"}"#,
        #"{"data":[{"object":{"id":"pi_1"}}]}"#, #"[{"id":"pi_1"},{"id":"pi_1"}]"#, #"{"id":"\u0070i_1"}"#,
    ])
    func findsAThingByItsName(_ body: String) {
        #expect(change(body) == change(#"{"id":"pi_1"}"#))
        #expect(change(body).digests.count == 1 && change(body).isComplete)
    }

    @Test(arguments: [
        #"{"status":"pi_1"}"#, #"{"paid":"pi_1"}"#, #"{"ID":true}"#, #"{"id":null}"#, #"{"id":""}"#,
        #""pi_1""#,
        #"{"id":{"of":"pi_1"}}"#, "[]", "7",
    ])
    func whatNamesNothing(_ body: String) {
        #expect(change(body).digests.isEmpty && change(body).isComplete)
    }

    @Test func numbersNameThingsAsTheyAreWritten() {
        #expect(change(#"{"id":17}"#) == change(#"{"id":"17"}"#))
        #expect(change(#"{"id":17}"#) != change(#"{"id":18}"#))
    }

    @Test func aDigestIsShortAndHexadecimal() {
        let digest = change(#"{"id":"a,b\n"}"#).digests[0]
        #expect(digest.count == 32 && digest.allSatisfy { $0.isHexDigit })
    }

    @Test func requestAndAnswerCount() {
        #expect(
            answer(#"{"id":"re_1"}"#, #"{"paymentIntentId":"pi_1"}"#)
                == answer(#"{"id":"re_1"}"#, #"{"id":"pi_1"}"#))
        #expect(change(#"{"id":"re_1"}"#, #"{"id":"pi_1"}"#).digests.count == 2)
    }

    @Test func theOwnerOfAnAnswerIsNotWhatItIsAbout() {
        let plain = answer(#"{"id":"pi_1"}"#, "{}")
        #expect(answer(#"{"id":"pi_1"}"#, #"{"id":"pi_1","userId":"7","user_id":7}"#) == plain)
        #expect(answer(#"{"userId":"7"}"#, "[]").digests == change(#"{"userId":"7"}"#).digests)
    }

    @Test func anAnswerAboutTooMuchIsNotKept() {
        func list(_ count: Int) -> String {
            "[" + (0..<count).map { #"{"id":\#($0)}"# }.joined(separator: ",") + "]"
        }
        #expect(answer("{}", list(ResourceNames.mostOfAnswer)).isComplete)
        #expect(!answer("{}", list(ResourceNames.mostOfAnswer + 1)).isComplete)
        #expect(change(list(300)).digests.count == ResourceNames.mostOfChange)
    }

    @Test func aNameThatIsTooLongIsNotKept() {
        let longest = String(repeating: "x", count: ResourceNames.longest)
        #expect(answer(#"{"id":"\#(longest)"}"#, "{}").isComplete)
        #expect(!answer(#"{"id":"\#(longest)x"}"#, "{}").isComplete)
    }

    @Test func whatIsNoJSONNamesNothingForSure() {
        #expect(!answer("{}", "{").isComplete)
    }
}
