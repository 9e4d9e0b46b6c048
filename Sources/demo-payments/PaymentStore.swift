import NIOCore
import RawJSON

/// The payments that the demo service knows: in memory, the oldest forgotten beyond a cap. Pure; the time is a parameter.
struct PaymentStore {
    /// What a handler of the service throws: the object of an `RpcException`.
    struct Fault: Error, Equatable {
        let json: String
    }

    /// A change of a payment's status, as it is published.
    struct StatusUpdate: Equatable {
        let id: String
        let json: String
    }

    struct Intent {
        let id: String
        let amount: Int
        let currency: String
        let userID: String?
        let created: String
        let metadata: String
        var status = "requires_confirmation"
        var history: [(status: String, at: String)] = []

        var json: String {
            var text = "{\"id\":\(quoted(id)),\"object\":\"payment_intent\",\"amount\":\(amount)"
            text += ",\"currency\":\(quoted(currency)),\"status\":\(quoted(status))"
            if let userID { text += ",\"userId\":\(quoted(userID))" }
            return text + ",\"created\":\(quoted(created)),\"metadata\":\(metadata)}"
        }
    }

    private let capacity: Int
    private var intents: [String: Intent] = [:]
    private var refunds: [String: String] = [:]
    private var methods: [String: String] = [:]
    private var order: [String] = []
    private var oldest = 0

    init(capacity: Int = 50_000) { self.capacity = capacity }

    mutating func createIntent(_ body: JSONObject, id: String, now: String) throws(Fault) -> String {
        guard let amount = Self.wholeNumber(body["amount"]), amount > 0 else {
            throw Fault(
                json: #"{"statusCode":400,"message":"amount must be a positive integer in minor units"}"#)
        }
        guard let currency = body["currency"]?.string, currency.count == 3 else {
            throw Fault(json: #"{"statusCode":400,"message":"currency must be a code of three letters"}"#)
        }
        let user = body["userId"]
        var intent = Intent(
            id: id, amount: amount, currency: currency,
            userID: user?.string ?? user?.integer.map(String.init), created: now,
            metadata: body["metadata"].map { String(buffer: $0.text) } ?? "{}")
        intent.history = [(intent.status, now)]
        remember(id)
        intents[id] = intent
        return intent.json
    }

    func intent(_ body: JSONObject) throws(Fault) -> String { try find(body).json }

    func tracking(_ body: JSONObject) throws(Fault) -> String {
        let intent = try find(body)
        let steps = intent.history.map { "{\"status\":\(quoted($0.status)),\"at\":\(quoted($0.at))}" }
        return
            "{\"id\":\(quoted(intent.id)),\"status\":\(quoted(intent.status)),\"history\":[\(steps.joined(separator: ","))]}"
    }

    mutating func confirm(_ body: JSONObject, now: String) throws(Fault) -> (reply: String, StatusUpdate) {
        let intent = try find(body)
        guard intent.status == "requires_confirmation" else {
            throw Fault(
                json:
                    "{\"status\":409,\"code\":\"intent_unexpected_state\",\"message\":\(quoted("The payment is \(intent.status)."))}"
            )
        }
        let update = move(intent.id, to: "processing", now: now)
        return (intents[intent.id]?.json ?? "{}", update ?? StatusUpdate(id: intent.id, json: "{}"))
    }

    /// Moves a payment on; nil when it was forgotten meanwhile.
    mutating func move(_ id: String, to status: String, now: String) -> StatusUpdate? {
        guard var intent = intents[id] else { return nil }
        let previous = intent.status
        intent.status = status
        intent.history.append((status, now))
        intents[id] = intent
        var json = "{\"id\":\(quoted(id))"
        if let userID = intent.userID { json += ",\"userId\":\(quoted(userID))" }
        json += ",\"status\":\(quoted(status)),\"previousStatus\":\(quoted(previous))"
        return StatusUpdate(
            id: id, json: json + ",\"version\":\(intent.history.count),\"updatedAt\":\(quoted(now))}")
    }

    mutating func refund(_ body: JSONObject, id: String, now: String) throws(Fault) -> (
        reply: String, StatusUpdate?
    ) {
        guard let payment = body["paymentIntentId"]?.string, let intent = intents[payment] else {
            throw Self.missing("payment_intent", body["paymentIntentId"]?.string)
        }
        let amount = Self.wholeNumber(body["amount"]) ?? intent.amount
        let json =
            "{\"id\":\(quoted(id)),\"object\":\"refund\",\"paymentIntentId\":\(quoted(payment)),\"amount\":\(amount),"
            + "\"status\":\"succeeded\",\"created\":\(quoted(now))}"
        remember(id)
        refunds[id] = json
        return (json, move(payment, to: "refunded", now: now))
    }

    func refund(_ body: JSONObject) throws(Fault) -> String {
        guard let id = body["id"]?.string, let refund = refunds[id] else {
            throw Self.missing("refund", body["id"]?.string)
        }
        return refund
    }

    mutating func createMethod(_ body: JSONObject, id: String, now: String) -> String {
        let type = body["type"]?.string ?? "card"
        let json =
            "{\"id\":\(quoted(id)),\"object\":\"payment_method\",\"type\":\(quoted(type)),\"created\":\(quoted(now))}"
        remember(id)
        methods[id] = json
        return json
    }

    func method(_ body: JSONObject) throws(Fault) -> String {
        guard let id = body["id"]?.string, let method = methods[id] else {
            throw Self.missing("payment_method", body["id"]?.string)
        }
        return method
    }

    mutating func deleteMethod(_ body: JSONObject) throws(Fault) -> String {
        guard let id = body["id"]?.string, methods.removeValue(forKey: id) != nil else {
            throw Self.missing("payment_method", body["id"]?.string)
        }
        return "{\"id\":\(quoted(id)),\"deleted\":true}"
    }

    /// As JavaScript reads it: 1.0 and 1e3 are whole numbers, too.
    private static func wholeNumber(_ value: JSONValue?) -> Int? {
        guard let value, value.kind == .number else { return nil }
        return value.integer ?? Double(String(buffer: value.text)).flatMap(Int.init(exactly:))
    }

    private func find(_ body: JSONObject) throws(Fault) -> Intent {
        guard let id = body["id"]?.string, let intent = intents[id] else {
            throw Self.missing("payment_intent", body["id"]?.string)
        }
        return intent
    }

    private static func missing(_ what: String, _ id: String?) -> Fault {
        let message = quoted("No such \(what): '\(id ?? "")'")
        return Fault(json: "{\"status\":404,\"code\":\"resource_missing\",\"message\":\(message)}")
    }

    /// Notes a new id and forgets the oldest one beyond the cap: a ring over `order`.
    private mutating func remember(_ id: String) {
        guard order.count == capacity else {
            order.append(id)
            return
        }
        intents[order[oldest]] = nil
        refunds[order[oldest]] = nil
        methods[order[oldest]] = nil
        order[oldest] = id
        oldest = (oldest + 1) % capacity
    }
}

/// A string as a JSON literal.
func quoted(_ text: String) -> String {
    var buffer = ByteBuffer()
    buffer.writeJSONString(text)
    return String(buffer: buffer)
}
