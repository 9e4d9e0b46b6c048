import Logging
import NIOCore
import RedisClient
import Shared
import SocketIO
import Synchronization

/// Brings the updates of the users who have a socket on one event loop from Redis to their rooms.
///
/// What is emitted and who has arrived reach a socket in the order in which they came about, since all is done on the
/// socket's event loop: so it gets all that is emitted after its arrival and nothing of before.
final class UpdateFanout: Sendable {
    typealias Machine = UserSubscriptions<ObjectIdentifier>

    private final class State {
        var machine = Machine()
        /// By socket, which joins one user at a time.
        var joining: [ObjectIdentifier: EventLoopPromise<Arrival?>] = [:]
        var wakeUp: (deadline: NIODeadline, task: Scheduled<Void>)?
    }

    private let eventLoop: any EventLoop
    private let commands: RedisClient
    private let recovery: Recovery
    private let emitter: EmitterChannels?
    private let logger: Logger
    private let emit: @Sendable (String, UserUpdate, Bool) -> Void
    private let state: NIOLoopBoundBox<State>
    private let subscriptions = Mutex<RedisSubscriber?>(nil)

    /// - Parameters:
    ///   - emitter: where what emitters publish to a user's room comes from; nil: it is not taken.
    ///   - emit: sends an update to every socket of a user, on the event loop; true: they have missed it.
    init(
        commands: RedisClient, recovery: Recovery, emitter: EmitterChannels?, eventLoop: any EventLoop,
        logger: Logger, emit: @escaping @Sendable (String, UserUpdate, Bool) -> Void
    ) {
        self.commands = commands
        self.recovery = recovery
        self.emitter = emitter
        self.eventLoop = eventLoop
        self.logger = logger
        self.emit = emit
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    /// What subscriptions are made with; comes before anyone joins.
    func attach(_ subscriber: RedisSubscriber) { subscriptions.withLock { $0 = subscriber } }

    /// Counts one socket of the user.
    ///
    /// - Parameters:
    ///   - socket: names it; it has left any user that it joined before.
    ///   - after: the last update that the socket's earlier connection has had; nil for a socket that begins anew.
    /// - Returns: how the socket comes to its updates, after `limit` at the latest: the subscription is then still to come,
    ///   and brings along what was missed since now. Nil where that is not known by then, and for a socket that leaves.
    func join(
        _ userID: String, socket: ObjectIdentifier, after: StreamID? = nil, limit: TimeAmount
    ) -> EventLoopFuture<Arrival?> {
        let promise = eventLoop.makePromise(of: Arrival?.self)
        let timeout = eventLoop.scheduleTask(in: limit) {
            self.told(socket, self.state.value.machine.giveUp(userID, waiter: socket))
        }
        eventLoop.execute {
            self.state.value.joining[socket] = promise
            self.update { $0.join(userID, waiter: socket, after: after) }
        }
        promise.futureResult.whenComplete { _ in timeout.cancel() }
        return promise.futureResult
    }

    /// Takes one socket of the user off the count.
    func leave(_ userID: String, socket: ObjectIdentifier) {
        eventLoop.execute {
            self.update { $0.leave(userID, waiter: socket) }
            self.told(socket, nil)
        }
    }

    private func told(_ socket: ObjectIdentifier, _ arrival: Arrival?) {
        state.value.joining.removeValue(forKey: socket)?.succeed(arrival)
    }

    /// On the event loop.
    func handle(_ event: RedisSubscriber.Event) {
        switch event {
        case .subscribed(let channel):
            guard let userID = UserKeys.userID(ofUpdates: channel) else { return }
            update { $0.subscribed(userID) }
        case .message(let channel, let payload):
            guard let userID = UserKeys.userID(ofUpdates: channel) else { return }
            guard let received = UserUpdate(payload) else {
                return logger.warning("an update that cannot be read", metadata: ["channel": "\(channel)"])
            }
            update { $0.received(received, for: userID) }
        }
    }

    private func update(_ event: (inout Machine) -> [Machine.Action]) {
        for action in event(&state.value.machine) { perform(action) }
        scheduleWakeUp()
    }

    private func perform(_ action: Machine.Action) {
        switch action {
        case .subscribe(let userID):
            // In this order both are there when the updates' is confirmed, for which the user's sockets wait.
            if let emitter { subscriber?.subscribe(emitter.room(UserGateway.room(userID))) }
            subscriber?.subscribe(UserKeys.updates(userID))
        case .unsubscribe(let userID):
            if let emitter { subscriber?.unsubscribe(emitter.room(UserGateway.room(userID))) }
            subscriber?.unsubscribe(UserKeys.updates(userID))
        case .joined(let socket, let arrival): told(socket, arrival)
        case .emit(let userID, let update, let isMissed): emit(userID, update, isMissed)
        case .readLast(let userID, let generation):
            let clock = StreamID.time(WallClock.millisecondsSince1970())
            commands.send(["XREVRANGE", .text(UserKeys.history(userID)), "+", "-", "COUNT", "1"]) { reply in
                let last = History.updates(reply).map { $0.last?.id }
                self.eventLoop.execute {
                    self.update {
                        $0.readLast(last, of: userID, generation: generation, clock: clock, .now())
                    }
                }
            }
        case .read(let userID, let position, let generation):
            readHistory(userID, from: "(\(position)") { machine, updates in
                machine.read(updates, of: userID, generation: generation, .now())
            }
        case .readMissed(let userID, let position, let ticket):
            let recovery = recovery
            readHistory(userID, from: "\(position)") { machine, updates in
                let oldest = recovery.oldest(now: WallClock.millisecondsSince1970())
                return machine.readMissed(updates, of: userID, ticket: ticket, oldest: oldest, .now())
            }
        }
    }

    /// - Parameter start: as XRANGE has it.
    private func readHistory(
        _ userID: String, from start: String,
        _ answer: @escaping @Sendable (inout Machine, [UserUpdate]?) -> [Machine.Action]
    ) {
        commands.send([
            "XRANGE", .text(UserKeys.history(userID)), .text(start), "+", "COUNT",
            RedisArgument(Machine.page),
        ]) { reply in
            let updates = History.updates(reply)
            self.eventLoop.execute { self.update { answer(&$0, updates) } }
        }
    }

    private var subscriber: RedisSubscriber? { subscriptions.withLock { $0 } }

    private func scheduleWakeUp() {
        guard let next = state.value.machine.nextWakeUp else { return }
        if let wakeUp = state.value.wakeUp, wakeUp.deadline <= next { return }
        state.value.wakeUp?.task.cancel()
        let task = eventLoop.scheduleTask(deadline: next) {
            self.state.value.wakeUp = nil
            self.update { $0.tick(.now()) }
        }
        state.value.wakeUp = (next, task)
    }
}

/// Reads a user's history out of Redis' replies.
enum History {
    /// The entries of XRANGE or XREVRANGE; nil when the reply is an error or none of theirs. What is no update is left out.
    static func updates(_ reply: Result<RESPValue, RedisError>) -> [UserUpdate]? {
        guard case .success(let value) = reply, let entries = value.items else { return nil }
        return entries.compactMap { entry in
            guard let parts = entry.items, parts.count == 2, let id = parts[0].text.flatMap({ StreamID($0) }),
                let fields = parts[1].items
            else { return nil }
            var event: String?
            var data: ByteBuffer?
            var previous: StreamID?
            var trace: TraceContext?
            for index in stride(from: 0, to: fields.count - 1, by: 2) {
                switch fields[index].text {
                case "event": event = fields[index + 1].text
                case "data": data = fields[index + 1].bytes
                case "prev": previous = fields[index + 1].text.flatMap { StreamID($0) }
                case "trace": trace = fields[index + 1].text.flatMap { TraceContext(parent: $0) }
                default: break
                }
            }
            guard let event, let data else { return nil }
            return UserUpdate(id: id, previous: previous, event: event, data: data, trace: trace)
        }
    }
}
