public import NIOCore
import RawJSON
import Shared

/// What is known in Redis of a payment whose contact somebody is to be told of when it has succeeded, and the stream of those
/// that have: written by whoever learns of it, the bridge or edge-http, in any order and any number of times.
///
/// A payment's hash has the fields `contact` (JSON), `succeeded`, and `queued` once it is in the stream.
public enum SucceededPayments {
    /// Each payment that has succeeded and has a contact, once. Where there is no such stream nobody wants to know.
    public static let stream = "vy:payments:succeeded"
    /// The entry's field with the payment's id.
    public static let field = "payment"
    /// Entries, of which the oldest are dropped where nobody takes them.
    public static let limit = 100_000
    /// How long it is remembered that a payment has succeeded whose contact is not known yet.
    static let successLifetime = Duration.seconds(600)
    /// Bytes.
    static let longestID = 255

    public static func key(_ payment: String) -> String { "vy:payment:\(payment)" }

    /// The id in a status update, or in the answer to an operation, which says that a payment has succeeded; else nil.
    public static func payment(in json: ByteBuffer) -> String? {
        guard let members = try? RawJSON.object(json), members["status"]?.string == "succeeded" else {
            return nil
        }
        return payment(members)
    }

    /// The id in the answer to an operation, whatever the payment's status is; nil for one on something else.
    public static func payment(named json: ByteBuffer) -> String? {
        (try? RawJSON.object(json)).flatMap(payment)
    }

    private static func payment(_ members: JSONObject) -> String? {
        guard (members["object"]?.string ?? "payment_intent") == "payment_intent",
            let id = members["id"]?.string,
            (1...longestID).contains(id.utf8.count)
        else { return nil }
        return id
    }

    /// Lua functions of a payment's hash, the stream and the payment's id: `queue` puts a payment into the stream of which all
    /// is known, `succeeded` notes that it has succeeded and does the same.
    public static let functions = """
        local function queue(payment, stream, id)
          local known = redis.call('HMGET', payment, 'contact', 'succeeded', 'queued')
          if known[3] or not (known[1] and known[2]) then return 0 end
          redis.call('HSET', payment, 'queued', 1)
          redis.call('XADD', stream, 'MAXLEN', '~', '\(limit)', '*', '\(field)', id)
          return 1
        end
        local function succeeded(payment, stream, id)
          if redis.call('EXISTS', stream) == 0 then return 0 end
          redis.call('HSETNX', payment, 'succeeded', 1)
          if redis.call('PTTL', payment) < 0 then
            redis.call('PEXPIRE', payment, '\(successLifetime.milliseconds)')
          end
          return queue(payment, stream, id)
        end

        """
}
