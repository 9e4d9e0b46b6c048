import HTTPTypes
import Operations
import Testing

@testable import edge_http

@Suite struct RateLimitTests {
    private let caller = RateLimit(name: "caller", perMinute: 60)

    private func verdict(_ passes: Bool, _ standings: (RateLimit, Int64)...) -> RateLimitVerdict {
        RateLimitVerdict(passes: passes, standings: standings.map { .init(limit: $0.0, debt: $0.1) })
    }

    @Test func aRequestCostsItsShareOfAMinute() {
        #expect(caller.cost == 1_000_000)
        #expect(RateLimit(name: "caller", perMinute: 1).cost == 60_000_000)
        #expect(RateLimit(name: "caller", perMinute: 1_000_000).cost == 60)
        #expect(RateLimit(name: "caller", perMinute: 7).cost * 7 <= RateLimit.window)
    }

    @Test(arguments: [
        (Int64(0), Int64(60), Int64(0), Int64(0)), (1_000_000, 59, 1, 0), (59_000_000, 1, 59, 0),
        (59_000_001, 0, 60, 1), (60_000_000, 0, 60, 1), (500_000, 59, 1, 0),
    ])
    func whatADebtMeans(debt: Int64, remaining: Int64, reset: Int64, wait: Int64) {
        let standing = RateLimit.Standing(limit: caller, debt: debt)
        #expect(standing.remaining == remaining && standing.reset == reset && standing.wait == wait)
    }

    @Test func headersNameEveryLimit() {
        let address = RateLimit(name: "address", perMinute: 600)
        var headers = HTTPFields()
        verdict(true, (caller, 1_500_000), (address, 100_000)).apply(to: &headers)
        #expect(headers[.init("RateLimit-Policy")!] == "\"caller\";q=60;w=60, \"address\";q=600;w=60")
        #expect(headers[.init("RateLimit")!] == "\"caller\";r=58;t=2, \"address\";r=599;t=1")
    }

    @Test func theLimitThatHoldsLongestIsNamed() throws {
        let slow = RateLimit(name: "address", perMinute: 2)
        #expect(verdict(true, (caller, 60_000_000)).problem == nil)
        let problem = try #require(verdict(false, (caller, 59_500_000), (slow, 55_000_000)).problem)
        #expect(problem.code == "rate-limit" && problem.headers[.retryAfter] == "25")
        #expect(problem.detail.contains("address"))
    }
}
