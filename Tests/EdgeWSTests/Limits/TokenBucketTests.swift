import NIOCore
import Testing

@testable import edge_ws

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let rate = Rate(perSecond: 10, burst: 20)

    private func taken(_ bucket: inout TokenBucket, _ now: NIODeadline, of tries: Int = 100) -> Int {
        (0..<tries).count { _ in bucket.take(rate, now) }
    }

    @Test func theBurstMayComeAtOnceAndThenTheRate() {
        var bucket = TokenBucket(rate, now: start)
        #expect(taken(&bucket, start) == 20)
        #expect(taken(&bucket, start + .milliseconds(99)) == 0)
        #expect(taken(&bucket, start + .milliseconds(101)) == 1)
        #expect(taken(&bucket, start + .milliseconds(601)) == 5)
    }

    @Test func restingSavesUpNoMoreThanTheBurst() {
        var bucket = TokenBucket(rate, now: start)
        #expect(taken(&bucket, start) == 20)
        #expect(taken(&bucket, start + .hours(10)) == 20)
    }

    @Test func aSteadyStreamAtTheRatePasses() {
        var bucket = TokenBucket(rate, now: start)
        #expect(taken(&bucket, start) == 20)
        for step in 1...100 {
            #expect(taken(&bucket, start + .milliseconds(Int64(step) * 101), of: 1) == 1)
        }
    }

    @Test func timeThatGoesBackGivesNothing() {
        var bucket = TokenBucket(rate, now: start + .seconds(1))
        #expect(taken(&bucket, start + .seconds(1)) == 20)
        #expect(taken(&bucket, start) == 0)
        #expect(taken(&bucket, start + .seconds(1)) == 0)
    }

    @Test func itIsFullAgainAfterTheFillTime() {
        let slow = Rate(perSecond: 3, burst: 10)
        var bucket = TokenBucket(slow, now: start)
        let first = (0..<11).count { _ in bucket.take(slow, start) }
        #expect(slow.fillTime >= .milliseconds(3333) && slow.fillTime <= .milliseconds(3334))
        let second = (0..<11).count { _ in bucket.take(slow, start + slow.fillTime) }
        #expect(first == 10 && second == 10)
    }
}
