import Testing

@testable import Shared

@Suite struct WatchdogRoundTests {
    @Test func aSignIsGivenWhenTheLastLoopHasAnswered() {
        var round = WatchdogRound(loops: 3)
        #expect(round.due() == .ask)
        #expect([1, 0, 2].map { round.answered($0) } == [false, false, true])
        #expect(round.due() == .ask)
        #expect([2, 1, 0].map { round.answered($0) } == [false, false, true])
    }

    @Test func noSignWhileALoopHangsHoweverOftenItIsDue() {
        var round = WatchdogRound(loops: 3)
        _ = round.due()
        #expect(round.answered(1) == false)
        for _ in 0..<5 { #expect(round.due() == .wait(for: [0, 2])) }
        #expect([0, 2].map { round.answered($0) } == [false, true], "it turns again")
        #expect(round.due() == .ask)
    }

    @Test func anAnswerThatWasNotAskedForIsNoSign() {
        var round = WatchdogRound(loops: 1)
        #expect(round.answered(0) == false)
        _ = round.due()
        #expect([0, 0, 7].map { round.answered($0) } == [true, false, false])
    }
}
