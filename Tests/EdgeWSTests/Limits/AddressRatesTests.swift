import NIOCore
import Shared
import Testing

@testable import edge_ws

@Suite struct AddressRatesTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let rate = Rate(perSecond: 2, burst: 4)

    private func address(_ number: Int) throws -> IPAddress {
        try #require(IPAddress("10.0.\(number / 256).\(number % 256)"))
    }

    private func take(_ rates: inout AddressRates, _ number: Int, _ now: NIODeadline) throws -> Bool {
        rates.take(try address(number), now)
    }

    private func taken(_ rates: inout AddressRates, _ address: IPAddress, _ now: NIODeadline) -> Int {
        (0..<10).count { _ in rates.take(address, now) }
    }

    @Test func eachAddressHasItsOwn() throws {
        var rates = AddressRates(rate, now: start)
        #expect(taken(&rates, try address(1), start) == 4)
        #expect(taken(&rates, try address(2), start) == 4)
        #expect(taken(&rates, try address(1), start + .milliseconds(501)) == 1)
    }

    @Test func anIPv6NetworkIsOneAddress() throws {
        var rates = AddressRates(rate, now: start)
        let (one, other) = try (#require(IPAddress("2001:db8::1")), #require(IPAddress("2001:db8::2")))
        #expect(taken(&rates, one, start) == 4)
        #expect(taken(&rates, other, start) == 0)
        #expect(taken(&rates, try #require(IPAddress("2001:db8:0:1::1")), start) == 4)
    }

    /// The generations turn every 2 s, the time in which a bucket fills.
    @Test func turningForgivesNothingTooEarly() throws {
        var rates = AddressRates(rate, now: start)
        let time = start + .milliseconds(1999)
        #expect(taken(&rates, try address(1), time) == 4)
        #expect(taken(&rates, try address(1), start + .milliseconds(2001)) == 0)
        #expect(taken(&rates, try address(1), start + .milliseconds(2999)) == 2)
        #expect(taken(&rates, try address(1), start + .milliseconds(4002)) == 2)
    }

    @Test func addressesThatHaveRestedAreForgotten() throws {
        var rates = AddressRates(rate, now: start)
        for number in 0..<1000 { #expect(try take(&rates, number, start)) }
        #expect(rates.count == 1000)
        #expect(try take(&rates, 0, start + .seconds(2)))
        #expect(rates.count == 1001)
        #expect(try take(&rates, 0, start + .seconds(4)))
        #expect(rates.count == 2)
        #expect(try take(&rates, 0, start + .hours(1)))
        #expect(rates.count == 1)
    }

    @Test func thereAreNeverMoreThanTheCap() throws {
        var rates = AddressRates(rate, most: 100, now: start)
        for number in 0..<10_000 {
            #expect(try take(&rates, number, start))
            #expect(rates.count <= 100)
        }
        // Whoever keeps coming is not forgotten by that.
        #expect(taken(&rates, try address(9999), start) == 3)
        for number in 0..<1000 {
            _ = rates.take(try address(number), start)
            if number % 20 == 0 { #expect(try !take(&rates, 9999, start)) }
        }
    }
}
