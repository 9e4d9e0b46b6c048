import NIOCore

/// When the peers are asked again: all who look at the console share one round, and a new one begins at most every ``interval``.
/// Nobody is asked while nobody looks.
struct ConsoleRounds<Answer> {
    private let interval: TimeAmount
    private var last: (answer: Answer, began: NIODeadline)?
    private var isUnderWay = false

    init(interval: TimeAmount) { self.interval = interval }

    /// That of the last round, as long as it is good enough; nil: begin a new one.
    func answer(at now: NIODeadline) -> Answer? {
        guard let last, isUnderWay || now - last.began < interval else { return nil }
        return last.answer
    }

    /// - Parameter answer: what the round will come to.
    mutating func began(_ answer: Answer, at now: NIODeadline) {
        last = (answer, now)
        isUnderWay = true
    }

    mutating func ended() { isUnderWay = false }
}
