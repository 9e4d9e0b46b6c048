/// When a process may say that it lives: each time all of its event loops have answered a question.
///
/// One question is under way at a time, so that a loop that hangs keeps the next sign of life from being given.
struct WatchdogRound {
    enum Step: Equatable {
        /// Ask every loop.
        case ask
        /// Say nothing: these loops owe an answer since the last question.
        case wait(for: [Int])
    }

    private let loops: Int
    private var silent: Set<Int> = []

    init(loops: Int) { self.loops = loops }

    /// It is time for a sign of life.
    mutating func due() -> Step {
        guard silent.isEmpty else { return .wait(for: silent.sorted()) }
        silent = Set(0..<loops)
        return .ask
    }

    /// - Returns: whether this was the last answer that was missing, upon which the sign is given.
    mutating func answered(_ loop: Int) -> Bool {
        silent.remove(loop) != nil && silent.isEmpty
    }
}
