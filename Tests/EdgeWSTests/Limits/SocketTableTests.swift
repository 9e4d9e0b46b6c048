import NIOCore
import Testing

@testable import edge_ws

@Suite struct SocketTableTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func aUserHasSoManySocketsAtATime() {
        var table = SocketTable<Int>(mostPerUser: 2, eventRate: nil)
        #expect(table.assign("a", to: 1) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 2) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 3) == .full)
        #expect(table.user(of: 3) == nil)
        #expect(table.assign("b", to: 3) == .assigned(earlier: nil))
        #expect(table.remove(1) == "a")
        #expect(table.assign("a", to: 4) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 5) == .full)
    }

    @Test func aRefusedSocketTakesNoPlaceAndGivesNoneBack() {
        var table = SocketTable<Int>(mostPerUser: 1, eventRate: nil)
        #expect(table.assign("a", to: 1) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 2) == .full)
        #expect(table.remove(2) == nil)
        #expect(table.assign("a", to: 2) == .full)
        #expect(table.remove(1) == "a")
        #expect(table.remove(1) == nil)
        #expect(table.assign("a", to: 2) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 1) == .full)
    }

    @Test func aSocketThatMovesTakesItsPlaceAlong() {
        var table = SocketTable<Int>(mostPerUser: 1, eventRate: nil)
        #expect(table.assign("a", to: 1) == .assigned(earlier: nil))
        #expect(table.assign("a", to: 1) == .unchanged)
        #expect(table.assign("b", to: 2) == .assigned(earlier: nil))
        #expect(table.assign("b", to: 1) == .full)
        #expect(table.user(of: 1) == "a", "it stays where it was")
        #expect(table.assign("c", to: 1) == .assigned(earlier: "a"))
        #expect(table.assign("a", to: 3) == .assigned(earlier: nil))
        #expect(table.remove(1) == "c")
    }

    @Test func eventsAreCountedForEachSocketAndForgottenWithIt() {
        var table = SocketTable<Int>(mostPerUser: 1, eventRate: Rate(perSecond: 1, burst: 1))
        #expect(table.event(of: 1, now) == .granted)
        #expect(table.event(of: 1, now) == .refused)
        #expect(table.event(of: 2, now) == .granted)
        #expect(table.remove(1) == nil)
        #expect(table.event(of: 1, now) == .granted)
    }

    @Test func withoutARateEverythingIsGranted() {
        var table = SocketTable<Int>(mostPerUser: 1, eventRate: nil)
        for _ in 0..<1000 { #expect(table.event(of: 1, now) == .granted) }
    }
}
