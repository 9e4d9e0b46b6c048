import NIOCore
import Shared
import Testing
import Tracing

@testable import OTLPTracing

@Suite final class SpanBatchesTests {
    static let limits = SpanBatches.Limits(
        capacity: 8, batch: 3, delay: .seconds(5), firstRetry: .seconds(1), longestRetry: .seconds(3),
        attempts: 3)
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    static func span(_ name: String) -> FinishedSpan {
        let trace = TraceContext(traceID: .random(), spanID: .random(), isSampled: true)
        return FinishedSpan(name: name, kind: .server, trace: trace, parent: nil, start: 1, end: 2)
    }

    private var batches = SpanBatches(limits: limits)

    private func add(_ name: String, _ now: NIODeadline) -> Bool { batches.add(Self.span(name), now) }

    private func fill(_ names: String...) {
        for name in names { _ = batches.add(Self.span(name), start) }
    }

    @Test func aFewWaitForOthersAndAreSentWhenThatTakesTooLong() {
        #expect(batches.next(start) == .idle)
        #expect(add("a", start))
        #expect(!add("b", start + .seconds(1)))
        #expect(batches.next(start + .seconds(1)) == .wait(until: start + .seconds(5)))
        #expect(batches.next(start + .seconds(5)) == .send)
        #expect(batches.batch.map(\.name) == ["a", "b"])
        #expect(batches.next(start + .seconds(6)) == .idle)
        batches.finished(.taken, start + .seconds(6))
        #expect(batches.counts == .init(exported: 2))
        #expect(batches.count == 0)
        #expect(batches.next(start + .seconds(6)) == .idle)
    }

    @Test func aFullBatchIsSentAtOnce() {
        fill("a", "b")
        #expect(add("c", start))
        fill("d")
        #expect(batches.next(start) == .send)
        #expect(batches.batch.map(\.name) == ["a", "b", "c"])
        batches.finished(.taken, start)
        #expect(batches.next(start) == .wait(until: start + .seconds(5)))
        #expect(batches.next(start + .seconds(5)) == .send)
        #expect(batches.batch.map(\.name) == ["d"])
    }

    @Test func whatIsTooMuchIsDroppedAndCounted() {
        fill("a", "b", "c", "d", "e", "f", "g", "h")
        #expect(!add("i", start))
        #expect(batches.counts.dropped == 1)
        #expect(batches.next(start) == .send)
        // What is under way still takes room.
        #expect(!add("j", start))
        batches.finished(.taken, start)
        fill("k")
        #expect(batches.count == 6)
        #expect(batches.counts == .init(exported: 3, dropped: 2))
    }

    @Test func aFailedBatchIsSentAgainAfterGrowingPauses() {
        fill("a", "b", "c", "d")
        var now = start
        #expect(batches.next(now) == .send)
        batches.finished(.failed(retryAfter: nil), now)
        #expect(batches.next(now) == .wait(until: now + .seconds(1)))
        now = now + .seconds(1)
        #expect(batches.next(now) == .send)
        #expect(batches.batch.map(\.name) == ["a", "b", "c"])
        batches.finished(.failed(retryAfter: nil), now)
        #expect(batches.next(now) == .wait(until: now + .seconds(2)))
        now = now + .seconds(2)
        #expect(batches.next(now) == .send)
        batches.finished(.failed(retryAfter: nil), now)
        #expect(batches.counts == .init(failed: 3))
        // The next one begins with all its attempts.
        now = now + .seconds(5)
        #expect(batches.next(now) == .send)
        #expect(batches.batch.map(\.name) == ["d"])
        batches.finished(.failed(retryAfter: nil), now)
        #expect(batches.next(now) == .wait(until: now + .seconds(1)))
    }

    @Test func theCollectorSaysHowLongToWaitButNotForEver() {
        fill("a", "b", "c")
        #expect(batches.next(start) == .send)
        batches.finished(.failed(retryAfter: .seconds(2)), start)
        #expect(batches.next(start) == .wait(until: start + .seconds(2)))
        #expect(batches.next(start + .seconds(2)) == .send)
        batches.finished(.failed(retryAfter: .hours(1)), start + .seconds(2))
        #expect(batches.next(start + .seconds(2)) == .wait(until: start + .seconds(5)))
    }

    @Test func refusalsAreNotRepeated() {
        fill("a", "b", "c")
        #expect(batches.next(start) == .send)
        batches.finished(.refused, start)
        #expect(batches.counts == .init(rejected: 3))
        #expect(batches.next(start) == .idle)
    }

    @Test func partsAreCountedForWhatTheyAre() {
        fill("a", "b", "c")
        #expect(batches.next(start) == .send)
        batches.finished(.partlyTaken(rejected: 1), start)
        #expect(batches.counts == .init(exported: 2, rejected: 1))
    }

    @Test func atTheEndAllIsSentOnce() {
        fill("a", "b", "c", "d")
        batches.stop()
        #expect(!add("late", start))
        #expect(batches.next(start) == .send)
        batches.finished(.failed(retryAfter: nil), start)
        #expect(batches.next(start) == .send)
        #expect(batches.batch.map(\.name) == ["d"])
        batches.finished(.taken, start)
        #expect(batches.next(start) == .done)
        #expect(batches.counts == .init(exported: 1, failed: 3, dropped: 1))
    }
}
