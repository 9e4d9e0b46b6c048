import NIOCore
import Shared
import Telemetry

/// Asks all processes what they say of themselves, and puts it together: the shell of ``ConsoleRounds`` and ``PeerAddresses``.
///
/// All of it runs on the watching thread, so that it answers while the event loops or the concurrency pool hang.
final class ConsoleFeed: Sendable {
    typealias Fetch = @Sendable (PeerAddresses.Target) -> EventLoopFuture<ByteBuffer>
    typealias Lookup = @Sendable (_ name: String) -> EventLoopFuture<Result<[String], PeerAddresses.Failure>>

    /// Between the beginnings of two rounds.
    static let interval = TimeAmount.seconds(1)
    /// For one peer's answer.
    static let patience = TimeAmount.seconds(2)
    /// For names, after which their last addresses are taken.
    static let lookupPatience = TimeAmount.seconds(1)

    private final class State {
        var rounds = ConsoleRounds<EventLoopFuture<ByteBuffer>>(interval: ConsoleFeed.interval)
        var addresses: PeerAddresses
        /// Which process was found at an address.
        var last: [PeerAddresses.Target: (process: String, instance: String)] = [:]

        init(_ peers: [ConsolePeer]) { addresses = PeerAddresses(peers) }
    }

    private let eventLoop: any EventLoop
    private let fetch: Fetch
    private let lookup: Lookup
    private let state: NIOLoopBoundBox<State>

    /// - Parameters:
    ///   - fetch: asks for `/report`; fails with an error whose description says why there is none.
    ///   - lookup: never fails.
    init(
        peers: [ConsolePeer], eventLoop: any EventLoop, fetch: @escaping Fetch, lookup: @escaping Lookup
    ) {
        self.eventLoop = eventLoop
        self.fetch = fetch
        self.lookup = lookup
        state = .makeBoxSendingValue(State(peers), eventLoop: eventLoop)
    }

    /// What all processes say; on the event loop.
    ///
    /// - Parameter own: what this one says.
    func snapshot(own: @Sendable () -> EventLoopFuture<ByteBuffer>) -> EventLoopFuture<ByteBuffer> {
        let now = eventLoop.now
        if let answer = state.value.rounds.answer(at: now) { return answer }
        let answer = round(own())
        state.value.rounds.began(answer, at: now)
        answer.assumeIsolated().whenComplete { [state] _ in state.value.rounds.ended() }
        return answer
    }

    private func round(_ own: EventLoopFuture<ByteBuffer>) -> EventLoopFuture<ByteBuffer> {
        let time = WallClock.millisecondsSince1970()
        return look().flatMap { [self] in
            let targets = state.value.addresses.targets
            state.value.last = state.value.last.filter { targets.targets.contains($0.key) }
            let results = targets.targets.map { within(Self.patience, fetch($0)) }
            let all = EventLoopFuture.whenAllComplete(results, on: eventLoop).and(own)
            return all.map { [self] results, own in
                let answers = zip(targets.targets, results).map {
                    (target: $0, answer: answer(of: $0, $1))
                }
                return ConsoleSnapshot(
                    time: time, own: own, answers: answers, unresolved: targets.unresolved,
                    leftOut: targets.leftOut
                ).json
            }
        }
    }

    private func answer(
        of target: PeerAddresses.Target, _ result: Result<ByteBuffer, any Error>
    ) -> ConsoleSnapshot.Answer {
        let reason: String
        switch result {
        case .success(let json):
            if let report = PeerReport(json) {
                state.value.last[target] = (report.process, report.instance)
                return .report(report)
            }
            reason = "answers, but not as an admin port of this version"
        case .failure(let error): reason = "\(error)"
        }
        return .failure(reason: reason, last: state.value.last[target])
    }

    private func look() -> EventLoopFuture<Void> {
        let lookups = state.value.addresses.lookups(at: eventLoop.now).map { name in
            let found = lookup(name).assumeIsolated().map { [state, eventLoop] in
                state.value.addresses.lookedUp(name, $0, at: eventLoop.now)
            }.nonisolated()
            return within(Self.lookupPatience, found)
        }
        return EventLoopFuture.andAllComplete(lookups, on: eventLoop)
    }

    private func within<Value: Sendable>(
        _ time: TimeAmount, _ future: EventLoopFuture<Value>
    ) -> EventLoopFuture<Value> {
        eventLoop.within(time, future) { throw NoAnswer(within: time) }
    }
}

struct NoAnswer: Error, CustomStringConvertible {
    let within: TimeAmount
    var description: String { "no answer within \(within.nanoseconds / 1_000_000_000) s" }
}
