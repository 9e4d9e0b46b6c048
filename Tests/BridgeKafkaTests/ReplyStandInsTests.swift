import Logging
import Testing

@testable import bridge_kafka

@Suite struct ReplyStandInsTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test(.timeLimit(.minutes(1)))
    func whatIsAddedAgainWhileItIsClosedIsReadAgain() async {
        let standIns = ReplyStandIns(lasting: .milliseconds(1500), logger: quiet)
        let (opened, opens) = AsyncStream<Int32>.makeStream()
        async let end: Void = standIns.run { _ in
            3
        } open: { number in
            opens.yield(number)
            return { standIns.add(.partition(3)) }
        }
        standIns.add(.partition(3))
        var times = 0
        for await number in opened {
            #expect(number == 3)
            times += 1
            if times == 2 { break }
        }
        standIns.stop()
        await end
    }
}
