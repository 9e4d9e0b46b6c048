import NIOCore

/// What a connection's machine wants done.
enum RedisAction<Output> {
    case connect
    case write(ByteBuffer)
    /// No ``RedisMachine/closed(_:_:)`` is expected for it.
    case close
    case output(Output)
}

extension RedisAction: Equatable where Output: Equatable {}

/// The logic of one connection to Redis that is made again for as long as it is wanted.
///
/// It does no I/O: replies and time in, actions out.
protocol RedisMachine: SendableMetatype {
    associatedtype Output

    /// Nil when Redis answers; else why not.
    var missing: String? { get }
    /// The earliest time at which ``tick(_:)`` has something to do.
    var nextWakeUp: NIODeadline? { get }

    mutating func start() -> [RedisAction<Output>]
    mutating func connected(_ now: NIODeadline) -> [RedisAction<Output>]
    mutating func received(_ value: RESPValue, _ now: NIODeadline) -> [RedisAction<Output>]
    /// The connection is gone, or could not be made.
    mutating func closed(_ reason: String, _ now: NIODeadline) -> [RedisAction<Output>]
    mutating func tick(_ now: NIODeadline) -> [RedisAction<Output>]
    mutating func stop() -> [RedisAction<Output>]
}

/// What both machines have in common: attempts, the pauses between them, and whether Redis is ready.
struct RedisLife {
    enum Phase: Equatable {
        case stopped
        case waiting(until: NIODeadline)
        case connecting
        /// Connected, and asked by PING whether commands are taken: not while Redis loads its data.
        case greeting
        case ready
    }

    private(set) var phase = Phase.stopped
    private(set) var missing: String? = "not connected yet"
    private var backoff = Backoff()
    private var readyAt = NIODeadline.distantFuture
    private let random: () -> Double

    init(random: @escaping () -> Double) { self.random = random }

    var isReady: Bool { phase == .ready }

    mutating func start() { phase = .connecting }

    mutating func connected() { phase = .greeting }

    mutating func greeted(_ now: NIODeadline) {
        phase = .ready
        missing = nil
        readyAt = now
    }

    mutating func lost(_ reason: String, _ now: NIODeadline) {
        guard phase != .stopped else { return }
        // One that is lost at once, such as by a SUBSCRIBE that an ACL refuses, is no reason to try faster.
        if phase == .ready, now >= readyAt + Backoff.longest { backoff.reset() }
        missing = reason
        phase = .waiting(until: now + backoff.next(random: random()))
    }

    /// What Redis says, without the arguments that it repeats of a command that it does not know: one may be the password.
    static func reason(_ error: String) -> String {
        error.firstRange(of: ", with args").map { String(error[..<$0.lowerBound]) } ?? error
    }

    /// Whether the pause is over, and the next attempt is due.
    mutating func isDue(_ now: NIODeadline) -> Bool {
        guard case .waiting(let until) = phase, until <= now else { return false }
        phase = .connecting
        return true
    }

    mutating func stop() {
        phase = .stopped
        missing = "stopped"
    }
}
