import NIOCore
import PaymentContacts
import Testing

@Suite struct SucceededPaymentsTests {
    private func payment(_ json: String) -> String? {
        SucceededPayments.payment(in: ByteBuffer(string: json))
    }

    @Test func onlyAPaymentThatHasSucceeded() {
        #expect(payment(#"{"id":"pi_1","status":"succeeded"}"#) == "pi_1")
        #expect(payment(#"{"id":"pi_1","object":"payment_intent","status":"succeeded"}"#) == "pi_1")
        for json in [
            #"{"id":"pi_1","status":"processing"}"#, #"{"id":"re_1","object":"refund","status":"succeeded"}"#,
            #"{"status":"succeeded"}"#, #"{"id":"","status":"succeeded"}"#, #"{"id":7,"status":"succeeded"}"#,
            "[]",
            #"{"id":"\#(String(repeating: "x", count: 256))","status":"succeeded"}"#,
        ] {
            #expect(payment(json) == nil)
        }
        #expect(
            SucceededPayments.payment(named: ByteBuffer(string: #"{"id":"pi_1","status":"new"}"#)) == "pi_1")
    }
}
