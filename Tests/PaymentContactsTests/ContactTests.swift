import NIOCore
import Testing

@testable import PaymentContacts

@Suite struct ContactTests {
    private func contact(_ intent: String) -> Contact? { Contact(intent: ByteBuffer(string: intent)) }

    @Test func theReceiptsEmailComesFirst() {
        #expect(
            contact(#"{"receipt_email":"a@x.example","customer":{"email":"b@x.example"}}"#)
                == Contact(email: "a@x.example"))
        #expect(
            contact(#"{"receipt_email":"","customer":{"email":"b@x.example","name":"Ada King Lovelace"}}"#)
                == Contact(email: "b@x.example", firstName: "Ada", lastName: "King Lovelace"))
        #expect(
            contact(#"{"receipt_email":"a@x.example","customer":{"name":" Ada "}}"#)
                == Contact(email: "a@x.example", firstName: "Ada"))
    }

    @Test(arguments: [
        "{}", "[]", "x", #"{"receipt_email":7}"#, #"{"customer":"b@x.example"}"#, #"{"customer":{}}"#,
        #"{"receipt_email":"nobody"}"#, #"{"receipt_email":"@x"}"#, #"{"receipt_email":"a@"}"#,
        #"{"receipt_email":"a b@x"}"#, #"{"receipt_email":"a@x\n"}"#,
    ])
    func nobodyIsNamed(_ intent: String) { #expect(contact(intent) == nil) }

    @Test func whatIsTooLongOrACardNumberIsLeftOut() {
        let long = String(repeating: "a", count: 252)
        #expect(contact(#"{"receipt_email":"\#(long)@x"}"#)?.email == long + "@x")
        #expect(contact(#"{"receipt_email":"\#(long)@xx"}"#) == nil)
        #expect(
            contact(#"{"receipt_email":"a@x","customer":{"name":"\#(long)\#(long)"}}"#)
                == Contact(email: "a@x"))
        let card =
            #"{"receipt_email":"4242424242424242@x","customer":{"email":"a@x","name":"4242 4242 4242 4242"}}"#
        #expect(contact(card) == Contact(email: "a@x"))
    }

    @Test func isKeptAsItIs() {
        #expect(
            String(buffer: Contact(email: "a@x", firstName: "b", lastName: "c d").json)
                == #"{"email":"a@x","firstName":"b","lastName":"c d"}"#)
        for contact in [
            Contact(email: "a\"b@x.example"), Contact(email: "a@x", firstName: "Ä/", lastName: nil),
            Contact(email: "a@x", firstName: "b", lastName: "c d"),
        ] {
            #expect(Contact(json: contact.json) == contact)
        }
        #expect(Contact(json: ByteBuffer(string: "{}")) == nil)
    }
}
