import NIOCore
import RedisClient
import Shared
import Testing

@testable import edge_ws

@Suite final class UserSubscriptionsTests {
    private var users = UserSubscriptions<Int>()
    private let clock = StreamID.time(1000)
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func text(_ actions: [UserSubscriptions<Int>.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .subscribe(let id): "subscribe \(id)"
            case .unsubscribe(let id): "unsubscribe \(id)"
            case .joined(let waiter, let arrival):
                "joined \(waiter) at \(arrival.position)"
                    + (arrival.missed.map { " missed \($0.count)" } ?? "")
            case .emit(let id, let update, let isMissed):
                "emit \(id) \(update.id)" + (isMissed ? " missed" : "")
            case .readLast(let id, _): "readLast \(id)"
            case .read(let id, let position, _): "read \(id) after \(position)"
            case .readMissed(let id, let position, _): "readMissed \(id) from \(position)"
            }
        }
    }

    private func update(_ sequence: UInt64) -> UserUpdate { .numbered(sequence) }

    private func generation(_ actions: [UserSubscriptions<Int>.Action]) -> UInt64 {
        for action in actions {
            switch action {
            case .readLast(_, let generation), .read(_, _, let generation): return generation
            default: continue
            }
        }
        return 0
    }

    /// Brings a user to where live updates flow, with 2000-0 as the end of the history.
    private func makeLive(_ id: String = "a", waiter: Int = 1) {
        let joined = users.join(id, waiter: waiter)
        #expect(text(joined) == ["readLast \(id)"])
        let asked = users.readLast(update(0).id, of: id, generation: generation(joined), clock: clock, now)
        #expect(text(asked) == ["subscribe \(id)"])
        let subscribed = users.subscribed(id)
        #expect(text(subscribed) == ["joined \(waiter) at 2000-0", "read \(id) after 2000-0"])
        #expect(text(users.read([], of: id, generation: generation(subscribed), now)) == [])
    }

    @Test func subscribesBeforeAnyoneIsTold() {
        makeLive()
        #expect(text(users.received(update(1), for: "a")) == ["emit a 2000-1"])
        #expect(text(users.received(update(2), for: "other")) == [])
    }

    @Test func socketsOfOneUserShareASubscription() {
        makeLive()
        #expect(text(users.join("a", waiter: 2)) == ["joined 2 at 2000-0"])
        #expect(text(users.leave("a", waiter: 1)) == [])
        #expect(text(users.leave("a", waiter: 2)) == ["unsubscribe a"])
        #expect(text(users.leave("a", waiter: 2)) == [])
        #expect(users.count == 0)
    }

    @Test func whoLeavesOrHasWaitedLongEnoughIsToldNothing() {
        let joined = users.join("a", waiter: 1)
        for waiter in 2...4 { _ = users.join("a", waiter: waiter) }
        _ = users.leave("a", waiter: 2)
        users.giveUp("a", waiter: 3)
        _ = users.readLast(update(0).id, of: "a", generation: generation(joined), clock: clock, now)
        #expect(
            text(users.subscribed("a")) == [
                "joined 1 at 2000-0", "joined 4 at 2000-0", "read a after 2000-0",
            ])
        for waiter in [1, 3] { #expect(text(users.leave("a", waiter: waiter)) == []) }
        #expect(text(users.leave("a", waiter: 4)) == ["unsubscribe a"], "who gave up is still counted")
    }

    @Test func anAnswerForSocketsThatAreGoneCountsNothing() {
        let joined = users.join("a", waiter: 1)
        #expect(text(users.leave("a", waiter: 1)) == ["unsubscribe a"])
        #expect(text(users.readLast(nil, of: "a", generation: generation(joined), clock: clock, now)) == [])
    }

    @Test func anAnswerForAnEarlierSubscriptionCountsNothing() {
        let first = users.join("a", waiter: 1)
        _ = users.leave("a", waiter: 1)
        let second = users.join("a", waiter: 2)
        #expect(
            text(users.readLast(update(0).id, of: "a", generation: generation(first), clock: clock, now))
                == [])
        #expect(
            text(users.readLast(update(0).id, of: "a", generation: generation(second), clock: clock, now))
                == ["subscribe a"])
    }

    @Test func whatAGapHasHiddenIsReadOnceAndInOrder() {
        makeLive()
        _ = users.received(update(1), for: "a")
        let again = users.subscribed("a")
        #expect(text(again) == ["read a after 2000-1"])
        // Live ones wait; the history has one of them, too.
        #expect(text(users.received(update(3), for: "a")) == [])
        #expect(text(users.received(update(4), for: "a")) == [])
        #expect(
            text(users.read([update(2), update(3)], of: "a", generation: generation(again), now))
                == ["emit a 2000-2 missed", "emit a 2000-3 missed", "emit a 2000-4 missed"])
        #expect(text(users.received(update(4), for: "a")) == [])
        #expect(text(users.received(update(5), for: "a")) == ["emit a 2000-5"])
    }

    @Test func anUpdateWhoseForerunnerHasNotComeIsReadWithIt() {
        makeLive()
        #expect(text(users.received(.numbered(1, after: 0), for: "a")) == ["emit a 2000-1"])
        let gap = users.received(.numbered(3, after: 2), for: "a")
        #expect(text(gap) == ["read a after 2000-1"])
        #expect(text(users.received(.numbered(4, after: 3), for: "a")) == [])
        #expect(
            text(users.read([update(2), update(3)], of: "a", generation: generation(gap), now))
                == ["emit a 2000-2 missed", "emit a 2000-3 missed", "emit a 2000-4 missed"])
        #expect(text(users.received(.numbered(2, after: 1), for: "a")) == [], "one of before is no gap")
    }

    // MARK: Recovery

    private func ticket(_ actions: [UserSubscriptions<Int>.Action]) -> UInt64 {
        for case .readMissed(_, _, let ticket) in actions { return ticket }
        return 0
    }

    private func missed(_ actions: [UserSubscriptions<Int>.Action]) -> [UInt64]? {
        for case .joined(_, let arrival) in actions { return arrival.missed?.map(\.id.sequence) }
        return nil
    }

    private let longAgo: UInt64 = 0

    @Test func aRecoveringSocketGetsWhatItMissedUpToWhereTheRoomIs() {
        makeLive()
        _ = users.received(.numbered(1, after: 0), for: "a")
        _ = users.received(.numbered(2, after: 1), for: "a")
        let joined = users.join("a", waiter: 2, after: update(0).id)
        #expect(text(joined) == ["readMissed a from 2000-0"])
        // The third is in the history before it has been published to here: the room brings it.
        let page = (1...3).map { UserUpdate.numbered($0, after: $0 - 1) }
        let arrived = users.readMissed(page, of: "a", ticket: ticket(joined), oldest: longAgo, now)
        #expect(text(arrived) == ["joined 2 at 2000-2 missed 2"])
        #expect(missed(arrived) == [1, 2])
        #expect(text(users.received(.numbered(3, after: 2), for: "a")) == ["emit a 2000-3"])
    }

    @Test func whatTheRoomWasToldMeanwhileIsReadAsWell() {
        makeLive()
        let joined = users.join("a", waiter: 2, after: update(0).id)
        _ = users.received(.numbered(1, after: 0), for: "a")
        let again = users.readMissed([update(0)], of: "a", ticket: ticket(joined), oldest: longAgo, now)
        #expect(text(again) == ["readMissed a from 2000-0"])
        let page = [UserUpdate.numbered(1, after: 0)]
        let arrived = users.readMissed(page, of: "a", ticket: ticket(again), oldest: longAgo, now)
        #expect(missed(arrived) == [1])
    }

    @Test func aSocketThatIsAheadOfTheRoomWaitsForIt() {
        makeLive()
        let joined = users.join("a", waiter: 2, after: update(1).id)
        // The history has it before it is published to here.
        let page = [UserUpdate.numbered(1, after: 0)]
        #expect(text(users.readMissed(page, of: "a", ticket: ticket(joined), oldest: longAgo, now)) == [])
        #expect(users.nextWakeUp == now + .milliseconds(100))
        _ = users.received(.numbered(1, after: 0), for: "a")
        let again = users.tick(now + .milliseconds(100))
        #expect(text(again) == ["readMissed a from 2000-1"])
        let arrived = users.readMissed(page, of: "a", ticket: ticket(again), oldest: longAgo, now)
        #expect(text(arrived) == ["joined 2 at 2000-1 missed 0"])
    }

    @Test func aSocketThatStaysAheadBeginsAnew() {
        makeLive()
        var actions = users.join("a", waiter: 2, after: update(9).id)
        let page = [update(9)]
        for _ in 1..<MissedUpdates.mostReads {
            #expect(
                text(users.readMissed(page, of: "a", ticket: ticket(actions), oldest: longAgo, now)) == [])
            actions = users.tick(now + .seconds(1))
        }
        #expect(
            text(users.readMissed(page, of: "a", ticket: ticket(actions), oldest: longAgo, now))
                == ["joined 2 at 2000-0"])
    }

    @Test func aSocketWhoseLastUpdateIsNoLongerThereBeginsAnewAtOnce() {
        makeLive()
        let joined = users.join("a", waiter: 2, after: update(9).id)
        #expect(
            text(users.readMissed([], of: "a", ticket: ticket(joined), oldest: longAgo, now))
                == ["joined 2 at 2000-0"])
    }

    @Test func theFirstSocketOfAUserRecoversAfterTheSubscription() {
        let joined = users.join("a", waiter: 1, after: update(1).id)
        _ = users.readLast(update(2).id, of: "a", generation: generation(joined), clock: clock, now)
        let subscribed = users.subscribed("a")
        #expect(text(subscribed) == ["readMissed a from 2000-1", "read a after 2000-2"])
        let page = [UserUpdate.numbered(2, after: 1)]
        let arrived = users.readMissed(page, of: "a", ticket: ticket(subscribed), oldest: longAgo, now)
        #expect(missed(arrived) == [2])
    }

    @Test(arguments: [true, false]) func aReadThatFailsIsRepeatedUnlessItsSocketIsGone(_ leaves: Bool) {
        makeLive()
        let joined = users.join("a", waiter: 2, after: update(0).id)
        #expect(text(users.readMissed(nil, of: "a", ticket: ticket(joined), oldest: longAgo, now)) == [])
        #expect(text(users.tick(now + .seconds(1))) == ["readMissed a from 2000-0"])
        #expect(text(users.readMissed(nil, of: "a", ticket: ticket(joined), oldest: longAgo, now)) == [])
        if leaves { _ = users.leave("a", waiter: 2) } else { users.giveUp("a", waiter: 2) }
        #expect(text(users.tick(now + .seconds(2))) == [])
        #expect(text(users.readMissed([], of: "a", ticket: ticket(joined), oldest: longAgo, now)) == [])
        #expect(users.nextWakeUp == nil)
    }

    @Test func aLongGapIsReadInPages() {
        makeLive()
        let again = users.subscribed("a")
        let page = (1...UInt64(UserSubscriptions<Int>.page)).map { update($0) }
        let actions = text(users.read(page, of: "a", generation: generation(again), now))
        #expect(actions.count == page.count + 1)
        #expect(actions.last == "read a after 2000-500")
    }

    @Test func moreThanCanBeHeldIsReadAgain() {
        makeLive()
        let again = users.subscribed("a")
        for sequence in 1...UInt64(UserSubscriptions<Int>.maxHeld + 5) {
            _ = users.received(update(sequence), for: "a")
        }
        #expect(
            text(users.read([update(1)], of: "a", generation: generation(again), now)) == [
                "emit a 2000-1 missed", "read a after 2000-1",
            ])
    }

    @Test func aHistoryThatCannotBeReadIsReadLater() {
        makeLive()
        let again = users.subscribed("a")
        #expect(text(users.read(nil, of: "a", generation: generation(again), now)) == [])
        #expect(users.nextWakeUp == now + .seconds(1))
        #expect(text(users.tick(now + .milliseconds(999))) == [])
        #expect(text(users.tick(now + .seconds(1))) == ["read a after 2000-0"])
        #expect(users.nextWakeUp == nil)
    }

    @Test func aSecondGapMakesTheFirstOnesAnswerVoid() {
        makeLive()
        let first = users.subscribed("a")
        let second = users.subscribed("a")
        #expect(text(users.read([update(1)], of: "a", generation: generation(first), now)) == [])
        #expect(
            text(users.read([update(1)], of: "a", generation: generation(second), now))
                == ["emit a 2000-1 missed"])
    }

    // MARK: Redis away while the first socket joins

    /// `clock` is the host's time then.
    private func joinWithoutRedis() -> UInt64 {
        let joined = users.join("a", waiter: 1)
        _ = users.readLast(nil, of: "a", generation: generation(joined), clock: clock, now)
        let subscribed = users.subscribed("a")
        #expect(text(subscribed) == ["read a after \(clock)"])
        #expect(text(users.join("a", waiter: 2, after: clock)) == [], "the clock's time is no update's")
        return generation(subscribed)
    }

    @Test func whoWaitsNoLongerBeginsWithWhatIsKnown() {
        let joined = users.join("a", waiter: 1)
        for waiter in 2...3 { _ = users.join("a", waiter: waiter) }
        _ = users.join("a", waiter: 4, after: update(1).id)
        #expect(users.giveUp("a", waiter: 1) == nil, "nothing is known yet")
        _ = users.readLast(update(2).id, of: "a", generation: generation(joined), clock: clock, now)
        #expect(users.giveUp("a", waiter: 2) == Arrival(position: update(2).id, missed: nil))
        #expect(users.giveUp("a", waiter: 2) == nil)
        #expect(users.giveUp("a", waiter: 4) == nil, "what it has missed is not known")
        _ = users.leave("a", waiter: 1)
        #expect(text(users.subscribed("a")) == ["joined 3 at 2000-2", "read a after 2000-2"])
    }

    @Test func withoutRedisItBeginsWithTheTime() {
        _ = joinWithoutRedis()
        #expect(users.giveUp("a", waiter: 1) == Arrival(position: clock, missed: nil))
        #expect(users.giveUp("a", waiter: 2) == nil)
    }

    @Test func whatCameMeanwhileTellsWhereTheSocketsBegin() {
        let generation = joinWithoutRedis()
        let before = StreamID(milliseconds: 900, sequence: 3)
        let first = UserUpdate(
            id: update(1).id, previous: before, event: "e", data: ByteBuffer(string: "{}"))
        #expect(
            text(users.read([first], of: "a", generation: generation, now)) == [
                "joined 1 at 900-3", "readMissed a from \(clock)", "emit a 2000-1 missed",
            ])
        #expect(text(users.join("a", waiter: 3)) == ["joined 3 at 2000-1"])
    }

    @Test(arguments: [StreamID(milliseconds: 900, sequence: 3), nil])
    func whereNothingCameTheLastOneIsAskedForAgain(_ last: StreamID?) {
        let generation = joinWithoutRedis()
        #expect(text(users.read([], of: "a", generation: generation, now)) == ["readLast a"])
        #expect(text(users.received(update(1), for: "a")) == [])
        let position = last ?? .zero
        #expect(
            text(users.readLast(last, of: "a", generation: generation, clock: clock, now)) == [
                "joined 1 at \(position)", "readMissed a from \(clock)", "read a after \(position)",
            ])
        #expect(text(users.read([], of: "a", generation: generation, now)) == ["emit a 2000-1 missed"])
    }

    @Test func oneThatCameBetweenTheTwoIsReadAgain() {
        let generation = joinWithoutRedis()
        _ = users.read([], of: "a", generation: generation, now)
        #expect(
            text(users.readLast(update(1).id, of: "a", generation: generation, clock: clock, now))
                == ["read a after \(clock)"])
        #expect(
            text(users.read([.numbered(1, after: 0)], of: "a", generation: generation, now)) == [
                "joined 1 at 2000-0", "readMissed a from \(clock)", "emit a 2000-1 missed",
            ])
    }

    @Test func aLastOneThatCannotBeReadIsReadLater() {
        let generation = joinWithoutRedis()
        _ = users.read([], of: "a", generation: generation, now)
        #expect(text(users.readLast(nil, of: "a", generation: generation, clock: clock, now)) == [])
        #expect(text(users.tick(now + .seconds(1))) == ["read a after \(clock)"])
    }

    @Test func anEmptyHistoryIsReadFromItsStart() {
        let joined = users.join("a", waiter: 1)
        _ = users.readLast(.some(nil), of: "a", generation: generation(joined), clock: clock, now)
        #expect(text(users.subscribed("a")) == ["joined 1 at 0-0", "read a after 0-0"])
    }
}

extension UserUpdate {
    /// The update 2000-`sequence`, which names `forerunner` where one is given.
    static func numbered(_ sequence: UInt64, after forerunner: UInt64? = nil) -> UserUpdate {
        UserUpdate(
            id: StreamID(milliseconds: 2000, sequence: sequence),
            previous: forerunner.map { StreamID(milliseconds: 2000, sequence: $0) }, event: "e",
            data: ByteBuffer(string: "{}"))
    }
}

@Suite struct HistoryTests {
    private func bulk(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    @Test func readsEntriesAndLeavesOutWhatIsNone() {
        let good: RESPValue = .array([
            bulk("5-1"), .array(["prev", "4-0", "event", "e", "data", "{}"].map(bulk)),
        ])
        let bad: [RESPValue] = [
            .array([bulk("x"), .array([])]), .array([bulk("5-2"), .array([bulk("event"), bulk("e")])]), .null,
        ]
        let updates = History.updates(.success(.array([good] + bad)))
        #expect(
            updates == [
                UserUpdate(
                    id: StreamID(milliseconds: 5, sequence: 1), previous: StreamID(milliseconds: 4),
                    event: "e",
                    data: ByteBuffer(string: "{}"))
            ])
        #expect(History.updates(.failure(RedisError(.timedOut, .unknown))) == nil)
        #expect(History.updates(.success(.null)) == nil)
    }
}
