import NIOCore
import Shared

/// How often clients of each address may connect. It does no I/O: the time is a parameter.
///
/// An address that has rested for ``Rate/fillTime`` is like one that was never here, so addresses are kept in two
/// generations that turn no sooner, unless there are too many.
struct AddressRates {
    /// At most so many addresses are kept; with more, those that were not here lately begin anew.
    static var most: Int { 65_536 }

    private let rate: Rate
    private let most: Int
    private var recent: [IPAddress: TokenBucket] = [:]
    private var earlier: [IPAddress: TokenBucket] = [:]
    private var turn: NIODeadline

    init(_ rate: Rate, most: Int = Self.most, now: NIODeadline) {
        self.rate = rate
        self.most = most
        turn = now + rate.fillTime
    }

    var count: Int { recent.count + earlier.count }

    /// Counts one connection; false when the address has had too many.
    mutating func take(_ address: IPAddress, _ now: NIODeadline) -> Bool {
        let key = address.network
        if now >= turn || (recent.count >= most / 2 && recent[key] == nil) {
            earlier = now >= turn + rate.fillTime ? [:] : recent
            recent = [:]
            turn = now + rate.fillTime
        }
        var bucket = recent[key] ?? earlier[key] ?? TokenBucket(rate, now: now)
        let isWelcome = bucket.take(rate, now)
        recent[key] = bucket
        return isWelcome
    }
}
