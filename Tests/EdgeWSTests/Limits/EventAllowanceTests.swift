import NIOCore
import Testing

@testable import edge_ws

@Suite struct EventAllowanceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let rate = Rate(perSecond: 5, burst: 5)

    private func verdicts(
        _ allowance: inout EventAllowance, _ now: NIODeadline, of tries: Int
    ) -> [EventAllowance.Verdict] {
        (0..<tries).map { _ in allowance.take(rate, now) }
    }

    @Test func whatIsAboveTheRateIsRefusedAndAFloodIsExcessive() {
        var allowance = EventAllowance(rate, now: start)
        let flood = verdicts(&allowance, start, of: 26)
        #expect(flood.prefix(5).allSatisfy { $0 == .granted })
        #expect(flood[5..<25].allSatisfy { $0 == .refused })
        #expect(flood[25] == .excessive)
    }

    @Test func whoeverWaitsIsGrantedAgain() {
        var allowance = EventAllowance(rate, now: start)
        _ = verdicts(&allowance, start, of: 10)
        #expect(verdicts(&allowance, start + .milliseconds(201), of: 2) == [.granted, .refused])
        let later = verdicts(&allowance, start + .seconds(2), of: 6)
        #expect(later == [.granted, .granted, .granted, .granted, .granted, .refused])
    }

    @Test func notQuiteTwiceTheRateIsNeverExcessive() {
        var allowance = EventAllowance(rate, now: start)
        let hundredSeconds = (0..<900).map { step in
            allowance.take(rate, start + .milliseconds(Int64(step) * 111))
        }
        #expect(!hundredSeconds.contains(.excessive))
        #expect(hundredSeconds.contains(.refused))
    }
}
