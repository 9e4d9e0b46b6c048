/// JSON texts that are measured.
struct Document {
    let name: String
    let text: String

    static let all = [
        Document(name: "payment 100 B", text: payment(bytes: 100)),
        Document(name: "payment 500 B", text: payment(bytes: 500)),
        Document(name: "payment 10 KiB", text: payment(bytes: 10 << 10)),
        Document(name: "payment 1 MiB", text: payment(bytes: 1 << 20)),
        Document(name: "strings 64 KiB", text: list(atLeast: 64 << 10) { strings[$0 % strings.count] }),
        Document(name: "numbers 64 KiB", text: list(atLeast: 64 << 10) { numbers[$0 % numbers.count] }),
    ]

    /// A payment intent with as many items as find room, and a description for the rest.
    ///
    /// - Parameter bytes: 100 or more.
    static func payment(bytes: Int) -> String {
        var text = #"{"amount":125000,"currency":"VND","userId":"user-8841","capture":true"#
        if bytes >= 500 {
            text +=
                #","customer":{"email":"linh.nguyen@example.com","firstName":"Linh","lastName":"Nguyễn"}"#
                + #","returnUrl":"https://shop.example.com/orders/20031/thank-you","items":["#
            var count = 0
            while text.utf8.count < bytes - 110 {
                if count > 0 { text += "," }
                text += #"{"sku":"SKU-\#(10_000 + count)","name":"Shirt","quantity":2,"price":62500.5}"#
                count += 1
            }
            text += "]"
        }
        text += #","description":""#
        let missing = bytes - text.utf8.count - 2
        return text + String(repeating: "x", count: missing) + #""}"#
    }

    private static func list(atLeast bytes: Int, _ item: (Int) -> String) -> String {
        var text = #"{"items":["#
        var count = 0
        while text.utf8.count < bytes - 2 {
            if count > 0 { text += "," }
            text += item(count)
            count += 1
        }
        return text + "]}"
    }

    private static let strings = [
        #""Thank you for your order. It leaves our warehouse in two days and arrives within a week.""#,
        #""She said \"as soon as possible\", and that\nthe door code is on the invoice \u2014 line 3.""#,
        #""Giao hàng trong giờ hành chính, gọi trước mười lăm phút; không có ai thì để ở quầy lễ tân.""#,
    ]
    private static let numbers = [
        "0", "-17", "62500.5", "125000", "3.141592653589793", "-1.5e-7", "20260131",
    ]
}
