import NIOCore
import Testing

@testable import edge_http

private func at(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds * 1e9)) }

@Suite final class ConnectionMachineTests {
    private static let timeouts = ClientTimeouts(
        header: .seconds(10), body: .seconds(30), idle: .seconds(60), answer: .seconds(20),
        linger: .seconds(2))

    private var machine = ConnectionMachine(timeouts: timeouts, now: at(0))

    /// A request that came at once, at that time.
    private func request(_ seconds: Double, keepsAlive: Bool = true) {
        machine.headCame(keepsAlive: keepsAlive, at(seconds))
        machine.endCame(at(seconds))
        machine.readCompleted(at(seconds))
    }

    private func expire(_ seconds: Double) -> ConnectionMachine.Expiry? { machine.expire(at(seconds)) }
    private func began(_ seconds: Double) -> Bool { machine.answerBegan(at(seconds)) }
    private func taken(_ seconds: Double) -> Bool { machine.answerTaken(at(seconds)) }

    /// Its answer, which the client takes at once.
    private func answer(_ seconds: Double) -> (isLast: Bool, lingers: Bool) {
        let isLast = machine.answerBegan(at(seconds))
        machine.answerEnded(at(seconds))
        return (isLast, machine.answerTaken(at(seconds)))
    }

    @Test func aConnectionThatBringsNothingIsClosed() {
        #expect(machine.deadline == at(10))
        #expect(expire(9.9) == nil)
        #expect(expire(10) == .close)
        #expect(machine.deadline == nil)
    }

    @Test func theFirstHeadersTimeBeginsWithTheConnection() {
        machine.readCompleted(at(4))
        machine.readCompleted(at(8))
        #expect(machine.deadline == at(10))
        #expect(expire(10) == .answerHeaderTimeout)
    }

    @Test func aLaterHeadersTimeBeginsWithItsFirstByte() {
        request(1)
        #expect(answer(2) == (false, false))
        #expect(machine.deadline == at(62))
        machine.readCompleted(at(50))
        machine.readCompleted(at(55))
        #expect(expire(59) == nil)
        #expect(expire(60) == .answerHeaderTimeout)
    }

    @Test func anIdleConnectionIsClosed() {
        request(1)
        _ = answer(2)
        #expect(expire(61) == nil)
        #expect(expire(62) == .close)
    }

    @Test func theBodysTimeDoesNotBeginAnewWithEachPart() {
        machine.headCame(keepsAlive: true, at(1))
        for second in 2...30 {
            machine.bodyCame()
            machine.readCompleted(at(Double(second)))
        }
        #expect(expire(30) == nil)
        #expect(expire(31) == .failBody)
        #expect(expire(99) == nil, "the request is answered by who works on it")
        #expect(machine.isDropping)
        #expect(answer(32) == (true, true))
        #expect(expire(34) == .close)
    }

    @Test func aRequestThatIsWorkedOnHasNoDeadline() {
        request(1)
        #expect(machine.deadline == nil)
        machine.readCompleted(at(2))
        #expect(machine.deadline == nil, "a part of the next header has come")
        machine.headCame(keepsAlive: true, at(3))
        machine.readCompleted(at(3))
        #expect(machine.deadline == nil, "and the next body is not due either")
        _ = answer(100)
        #expect(machine.deadline == at(130))
    }

    @Test func aHeaderThatIsSentAheadHasItsTimeAfterTheAnswer() {
        request(1)
        machine.readCompleted(at(2))
        _ = answer(100)
        #expect(expire(109) == nil)
        #expect(expire(110) == .answerHeaderTimeout)
    }

    @Test func anAnswerThatIsNotTakenEndsTheConnection() {
        request(1)
        #expect(!began(2))
        machine.answerEnded(at(2))
        #expect(machine.deadline == at(22))
        #expect(expire(22) == .closeUnanswered)
    }

    @Test func eachAnswerThatIsTakenGivesTheNextOneItsTime() {
        request(1)
        request(1)
        for _ in 1...2 {
            #expect(!began(2))
            machine.answerEnded(at(2))
        }
        #expect(!taken(15))
        #expect(machine.deadline == at(35))
        #expect(!taken(16))
        #expect(machine.deadline == at(62))
    }

    @Test func anAnswerBeforeTheBodysEndIsTheLast() {
        machine.headCame(keepsAlive: true, at(1))
        #expect(began(2))
        machine.answerEnded(at(2))
        #expect(machine.isDropping)
        #expect(machine.isClosing)
        #expect(taken(3))
        #expect(machine.isLingering)
        #expect(machine.deadline == at(5))
        #expect(expire(5) == .close)
    }

    @Test func anAnswerBeforeALaterBodysEndIsNot() {
        request(1)
        machine.headCame(keepsAlive: true, at(1))
        #expect(answer(2) == (false, false))
        #expect(machine.isBodysTurn)
        machine.endCame(at(3))
        #expect(answer(4) == (false, false))
    }

    @Test func aClientThatWantsNoMoreGetsNoMore() {
        request(1, keepsAlive: false)
        #expect(machine.isDropping, "what follows such a request is none")
        #expect(answer(2) == (true, true))
    }

    @Test func aClientThatClosesItsSideGetsTheAnswersItAwaits() {
        request(1)
        request(1)
        machine.inputEnded()
        #expect(answer(2) == (false, false))
        #expect(answer(3) == (true, true))
    }

    @Test func aFaultWaitsForTheAnswersBeforeIt() {
        request(1)
        machine.faultCame()
        #expect(machine.isDropping)
        #expect(answer(2) == (false, false))
        #expect(!machine.isWorking)
        machine.ownAnswerBegan(at(2))
        #expect(machine.deadline == at(22), "the client has to take it")
        #expect(taken(3))
        #expect(expire(5) == .close)
    }

    @Test func aServerThatLeavesEndsTheConnectionWithTheLastRequestThatHasCome() {
        request(1)
        request(1)
        let isFirstLast = machine.answerBegan(at(2), isLeaving: true)
        machine.answerEnded(at(2))
        let isSecondLast = machine.answerBegan(at(3), isLeaving: true)
        machine.answerEnded(at(3))
        #expect((isFirstLast, isSecondLast) == (false, true))
        #expect(machine.isDropping)
    }

    @Test func whatHasEndedHasNoDeadline() {
        machine.closed()
        #expect(machine.deadline == nil)
        #expect(expire(1000) == nil)
    }
}
