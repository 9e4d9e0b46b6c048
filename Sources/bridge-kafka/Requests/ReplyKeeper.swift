import NIOCore
import RedisClient
import Shared
import Telemetry

/// Where replies go that nobody may have taken.
protocol ReplyStore: Sendable {
    /// `completion` is called once, on any thread.
    func keep(
        _ id: BridgeRequestID, _ content: ReplyRecord.Content,
        completion: @escaping @Sendable (KeptReplyQueue.Result) -> Void)
}

/// Performs what a ``KeptReplyQueue`` says. Confined to one event loop.
final class ReplyKeeper {
    private let store: any ReplyStore
    private let eventLoop: any EventLoop
    private var queue = KeptReplyQueue()
    private var wakeUp: Scheduled<Void>?

    init(store: any ReplyStore, eventLoop: any EventLoop) {
        self.store = store
        self.eventLoop = eventLoop
    }

    var counters: Counters.Kept { queue.counters }
    var isIdle: Bool { queue.isIdle }

    /// For a scrape.
    var samples: [Sample] {
        Sample.queue(
            "kept_replies", items: queue.count, bytes: queue.bytes, bytesLimit: queue.limits.bytes,
            refused: queue.counters.lost)
    }

    func keep(_ id: BridgeRequestID, _ content: ReplyRecord.Content) { write(queue.add(id, content)) }

    func stop() {
        wakeUp?.cancel()
        wakeUp = nil
    }

    private func write(_ replies: [KeptReplyQueue.Reply]) {
        let keeper = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        for reply in replies {
            store.keep(reply.id, reply.content) { result in
                eventLoop.execute { keeper.value.finished(reply.number, result) }
            }
        }
    }

    private func finished(_ number: UInt64, _ result: KeptReplyQueue.Result) {
        write(queue.finished(number, result, .now()))
        guard wakeUp == nil, let next = queue.nextWakeUp else { return }
        wakeUp = eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.wakeUp = nil
            self.write(self.queue.tick(.now()))
        }
    }
}

struct RedisReplyStore: ReplyStore {
    let redis: RedisClient

    func keep(
        _ id: BridgeRequestID, _ content: ReplyRecord.Content,
        completion: @escaping @Sendable (KeptReplyQueue.Result) -> Void
    ) {
        let (kind, reply) = Self.fields(content)
        redis.evaluate(
            KeptReply.keepScript, keys: [KeptReply.key(id)],
            arguments: [.text(kind), .bytes(reply), RedisArgument(KeptReply.unclaimed.milliseconds)]
        ) { result in
            switch result {
            case .success: completion(.written)
            case .failure(let error): completion(Self.result(of: error))
            }
        }
    }

    static func result(of error: RedisError) -> KeptReplyQueue.Result { error.mayPass ? .failed : .refused }

    static func fields(_ content: ReplyRecord.Content) -> (kind: String, reply: ByteBuffer) {
        let outcome: BridgeOutcome
        switch content {
        case .value(let body, final: false): return ("partial", body)
        case .value(let body, final: true): outcome = .reply(body)
        case .error(let error): outcome = .serviceError(error)
        case .unreadable(let reason):
            outcome = .failure(BridgeFailure(.unreadableReply, message: reason))
        }
        return (outcome.kept.kind.rawValue, outcome.kept.reply)
    }
}
