import NIOCore

/// How long an HTTP/1.1 connection may wait for its client, and how it ends. It does no I/O.
///
/// A client is never held responsible for what others take: while a request is being worked on, nothing runs but the
/// clock of the answer before it. Requests that are sent ahead (pipelined) get their time when their turn has come.
struct ConnectionMachine {
    /// What has to happen when a deadline has passed.
    enum Expiry: Equatable {
        /// The client has asked nothing, or got what it asked for.
        case close
        /// The client has not taken its answer.
        case closeUnanswered
        /// The answer is `408`, of the connection itself: there is no request that could be answered.
        case answerHeaderTimeout
        /// The request that is being read ends with an error.
        case failBody
    }

    private enum Reading {
        /// The connection has brought nothing yet.
        case fresh
        /// Nothing of the next request has come.
        case idle
        case header
        case body
        /// Nothing more is read as a request.
        case over
    }

    private enum Phase {
        case open
        /// The last answer is being written.
        case closing
        /// The last answer has been taken. What the client still sends is dropped: to close before it has come would reset
        /// the connection, and with it the answer might be lost (RFC 9112 §9.6).
        case lingering(NIODeadline)
        case closed
    }

    private let timeouts: ClientTimeouts
    private var phase = Phase.open
    private var reading = Reading.fresh
    private var readingSince: NIODeadline
    /// Whether the latest bytes made a part of a request.
    private var hasReadPart = false
    /// Requests that have been passed on and whose answers are not complete.
    private var awaited = 0
    /// Answers that have begun and that the client has not taken.
    private var untaken = 0
    private var untakenSince: NIODeadline
    /// The answer to the latest request is the last one.
    private var isLast = false

    /// - Parameter now: when the connection was accepted.
    init(timeouts: ClientTimeouts, now: NIODeadline) {
        self.timeouts = timeouts
        readingSince = now
        untakenSince = now
    }

    /// Whether what comes from the client is dropped.
    var isDropping: Bool {
        if case .open = phase { reading == .over } else { true }
    }

    /// Whether what is written now would follow the last answer.
    var isClosing: Bool {
        if case .open = phase { false } else { true }
    }

    var isLingering: Bool {
        if case .lingering = phase { true } else { false }
    }

    /// Whether a request is being worked on.
    var isWorking: Bool { awaited > 0 }

    var isReadingBody: Bool { reading == .body }

    /// Whether the body that is read belongs to the request that is answered next.
    var isBodysTurn: Bool { reading == .body && awaited == 1 }

    // MARK: - What the client sends

    /// - Parameter keepsAlive: whether the client may send another request after this one.
    mutating func headCame(keepsAlive: Bool, _ now: NIODeadline) {
        hasReadPart = true
        awaited += 1
        isLast = !keepsAlive
        reading = .body
        readingSince = now
    }

    mutating func bodyCame() { hasReadPart = true }

    mutating func endCame(_ now: NIODeadline) {
        hasReadPart = true
        reading = isLast ? .over : .idle
        readingSince = now
    }

    /// All that there was to read has been read.
    mutating func readCompleted(_ now: NIODeadline) {
        defer { hasReadPart = false }
        guard !hasReadPart else { return }
        if reading == .idle {
            readingSince = now
            reading = .header
        } else if reading == .fresh {
            reading = .header
        }
    }

    /// Nothing more comes, or nothing that is HTTP: what is being worked on gets the last answers.
    mutating func inputEnded() {
        reading = .over
        isLast = true
    }

    /// Nothing more is read as a request; the connection has something to say after the answers that are awaited.
    mutating func faultCame() { reading = .over }

    // MARK: - What the client is sent

    /// - Parameter isLeaving: whether the server wants the connection to end; it does with the last request that has come.
    /// - Returns: whether the connection ends with this answer.
    mutating func answerBegan(_ now: NIODeadline, isLeaving: Bool = false) -> Bool {
        began(now)
        // Of a request that is answered before its end nobody wants the rest.
        if isBodysTurn || isLeaving && awaited == 1 { isLast = true }
        return awaited == 1 && isLast
    }

    mutating func answerEnded(_ now: NIODeadline) {
        awaited -= 1
        readingSince = now
        guard awaited == 0, isLast else { return }
        reading = .over
        phase = .closing
    }

    /// The connection answers for itself, and ends.
    mutating func ownAnswerBegan(_ now: NIODeadline) {
        began(now)
        reading = .over
        phase = .closing
    }

    private mutating func began(_ now: NIODeadline) {
        if untaken == 0 { untakenSince = now }
        untaken += 1
    }

    /// An answer has left.
    ///
    /// - Returns: whether it was the last one.
    mutating func answerTaken(_ now: NIODeadline) -> Bool {
        untaken -= 1
        untakenSince = now
        guard case .closing = phase, untaken == 0 else { return false }
        phase = .lingering(now)
        return true
    }

    // MARK: - Time

    /// When there is something to do unless something else happens before.
    var deadline: NIODeadline? {
        switch phase {
        case .open, .closing: [readingDeadline, answerDeadline].compactMap { $0 }.min()
        case .lingering(let since): since + TimeAmount(timeouts.linger)
        case .closed: nil
        }
    }

    private var answerDeadline: NIODeadline? {
        untaken > 0 ? untakenSince + TimeAmount(timeouts.answer) : nil
    }

    private var readingDeadline: NIODeadline? {
        switch (reading, awaited) {
        case (.fresh, _), (.header, 0): readingSince + TimeAmount(timeouts.header)
        case (.idle, 0): readingSince + TimeAmount(timeouts.idle)
        case (.body, 1): readingSince + TimeAmount(timeouts.body)
        default: nil
        }
    }

    /// What is due at `now`, once.
    mutating func expire(_ now: NIODeadline) -> Expiry? {
        guard let deadline, deadline <= now else { return nil }
        let expiry = due(now)
        if expiry == .close || expiry == .closeUnanswered { phase = .closed }
        return expiry
    }

    /// The connection has ended.
    mutating func closed() { phase = .closed }

    private mutating func due(_ now: NIODeadline) -> Expiry {
        if isLingering { return .close }
        if let answerDeadline, answerDeadline <= now { return .closeUnanswered }
        switch reading {
        case .header: return .answerHeaderTimeout
        case .body:
            reading = .over
            isLast = true
            return .failBody
        // A client that has asked nothing is told nothing: a browser that connects ahead would take a 408 for the answer to
        // its next request.
        case .fresh, .idle, .over: return .close
        }
    }
}
