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
        #expect(!round.answered(1))
        for _ in 0..<5 { #expect(round.due() == .wait(for: [0, 2])) }
        #expect(!round.answered(0) && round.answered(2), "it turns again")
        #expect(round.due() == .ask)
    }

    @Test func anAnswerThatWasNotAskedForIsNoSign() {
        var round = WatchdogRound(loops: 1)
        #expect(!round.answered(0))
        _ = round.due()
        #expect(round.answered(0) && !round.answered(0) && !round.answered(7))
    }
}
