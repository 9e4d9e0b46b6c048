import NIOCore
import Testing

@testable import SocketIO

@Suite struct PendingAcksTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func answersEachOnce() {
        var acks = PendingAcks<String>()
        let a = acks.add("a", in: "/", until: Self.start) ?? -1
        let b = acks.add("b", in: "/n", until: Self.start) ?? -1
        #expect(a != b)
        #expect(acks.take(b, in: "/") == nil)
        #expect(acks.take(b, in: "/n") == "b")
        #expect(acks.take(b, in: "/n") == nil)
        #expect(acks.take(a, in: "/") == "a")
        #expect(acks.take(1234, in: "/") == nil)
    }

    @Test func expires() {
        var acks = PendingAcks<String>()
        _ = acks.add("late", in: "/", until: Self.start + .seconds(9))
        _ = acks.add("soon", in: "/", until: Self.start + .seconds(1))
        #expect(acks.nextWakeUp == Self.start + .seconds(1))
        #expect(acks.expired(Self.start) == [])
        #expect(acks.expired(Self.start + .seconds(1)) == ["soon"])
        #expect(acks.nextWakeUp == Self.start + .seconds(9))
        #expect(acks.expired(Self.start + .seconds(10)) == ["late"])
        #expect(acks.nextWakeUp == nil)
    }

    @Test func losesThoseOfANamespace() {
        var acks = PendingAcks<String>()
        let kept = acks.add("kept", in: "/", until: Self.start) ?? -1
        _ = acks.add("a", in: "/n", until: Self.start)
        _ = acks.add("b", in: "/n", until: Self.start)
        #expect(acks.left("/n") == ["a", "b"])
        #expect(acks.take(kept, in: "/") == "kept")
    }

    @Test func isBounded() {
        var acks = PendingAcks<Int>()
        for index in 0..<PendingAcks<Int>.limit {
            #expect(acks.add(index, in: "/", until: Self.start) == index + 1)
        }
        #expect(acks.add(0, in: "/", until: Self.start) == nil)
        _ = acks.take(1, in: "/")
        #expect(acks.add(0, in: "/", until: Self.start) == PendingAcks<Int>.limit + 1)
    }
}
