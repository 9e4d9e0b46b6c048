import NIOCore
import NIOEmbedded
import Testing

@testable import SocketIO

@Suite final class EngineLoopTests {
    private final class Sleeper: Timed {
        var wokenAt: [NIODeadline] = []
        var next: [NIODeadline] = []

        func wakeUp(_ now: NIODeadline) -> NIODeadline? {
            wokenAt.append(now)
            return next.isEmpty ? nil : next.removeFirst()
        }
    }

    private let eventLoop = EmbeddedEventLoop()
    private lazy var loop = EngineLoop(eventLoop, clock: { [eventLoop] in eventLoop.now })
    private let start = NIODeadline.uptimeNanoseconds(0)

    private func seconds(_ count: Int64) -> NIODeadline { start + .seconds(count) }

    @Test func wakesUpInTime() {
        let (a, b) = (Sleeper(), Sleeper())
        loop.schedule(a, at: seconds(20))
        loop.schedule(b, at: seconds(10))
        eventLoop.advanceTime(to: seconds(9))
        #expect(a.wokenAt == [] && b.wokenAt == [])
        eventLoop.advanceTime(to: seconds(10))
        #expect(a.wokenAt == [] && b.wokenAt == [seconds(10)])
        eventLoop.advanceTime(to: seconds(20))
        #expect(a.wokenAt == [seconds(20)] && b.wokenAt == [seconds(10)])
    }

    @Test func anEarlierTimeReplacesALaterOneAndNotTheOtherWayRound() {
        let sleeper = Sleeper()
        loop.schedule(sleeper, at: seconds(20))
        loop.schedule(sleeper, at: seconds(5))
        loop.schedule(sleeper, at: seconds(30))
        eventLoop.advanceTime(to: seconds(60))
        #expect(sleeper.wokenAt == [seconds(5)])
    }

    @Test func goesOnAsLongAsItIsAskedTo() {
        let sleeper = Sleeper()
        sleeper.next = [seconds(2), seconds(3)]
        loop.schedule(sleeper, at: seconds(1))
        eventLoop.advanceTime(to: seconds(60))
        #expect(sleeper.wokenAt == [seconds(1), seconds(2), seconds(3)])
    }

    @Test func letsGoOfWhatIsCancelled() {
        weak var gone: Sleeper?
        do {
            let sleeper = Sleeper()
            gone = sleeper
            loop.schedule(sleeper, at: seconds(1))
            #expect(gone != nil)
            loop.cancel(sleeper)
        }
        #expect(gone == nil)
        eventLoop.advanceTime(to: seconds(2))
    }

    @Test func flushesOnceForAllThatIsWrittenInATurn() throws {
        let channel = EmbeddedChannel(loop: eventLoop)
        for text in ["a", "b", "c"] {
            channel.write(ByteBuffer(string: text), promise: nil)
            loop.flushSoon(channel)
        }
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        eventLoop.run()
        for text in ["a", "b", "c"] {
            #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: text))
        }
    }
}
