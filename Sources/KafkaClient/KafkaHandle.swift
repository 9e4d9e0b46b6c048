internal import CRdkafka
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Owns one `rd_kafka_t`: its thread, its use by others, and its end.
///
/// @unchecked: librdkafka's API is thread-safe (its INTRODUCTION.md, "Threads and callbacks"), and `users` keeps the
/// handle alive while a call is under way.
final class KafkaHandle: @unchecked Sendable {
    private struct State {
        var users = 0
        var isClosing = false
        var isClosed = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let pointer: OpaquePointer
    private let state = Mutex(State())

    /// - Parameter configuration: is consumed, also when this throws.
    init(_ type: rd_kafka_type_t, _ configuration: OpaquePointer) throws(KafkaError) {
        var reason = [CChar](repeating: 0, count: 512)
        guard let pointer = rd_kafka_new(type, configuration, &reason, reason.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(rd_kafka_last_error(), String(nulTerminated: reason))
        }
        self.pointer = pointer
    }

    /// Calls librdkafka; nil when the client is closing.
    @discardableResult
    func use<Result>(_ body: (OpaquePointer) -> Result) -> Result? {
        let isOpen = state.withLock { state in
            guard !state.isClosing else { return false }
            state.users += 1
            return true
        }
        guard isOpen else { return nil }
        defer { state.withLock { $0.users -= 1 } }
        return body(pointer)
    }

    /// Runs `loop` on a thread of its own until it returns, which it does soon after ``isClosing``, then `last`, when
    /// nobody else uses the client any more, and then destroys the client there: `rd_kafka_destroy` joins threads and
    /// must not run on an event loop.
    func start(
        _ loop: @escaping @Sendable (OpaquePointer) -> Void,
        last: @escaping @Sendable (OpaquePointer) -> Void = { _ in }
    ) {
        Thread.start { [self] in
            loop(pointer)
            while state.withLock({ $0.users > 0 }) { usleep(1000) }
            last(pointer)
            rd_kafka_destroy(pointer)
            let waiters = state.withLock { state in
                state.isClosed = true
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    var isClosing: Bool { state.withLock { $0.isClosing } }

    /// Ends the loop and waits until the client is destroyed.
    func close(wake queue: KafkaQueue) async {
        state.withLock { $0.isClosing = true }
        queue.wake()
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.waiters.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }
}

/// A queue of librdkafka that one thread polls and any may wake. @unchecked: as for ``KafkaHandle``.
final class KafkaQueue: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { rd_kafka_queue_destroy(pointer) }

    func wake() { rd_kafka_queue_yield(pointer) }

    /// Waits for events, then takes what has come meanwhile, at most `limit`.
    ///
    /// The wait ends when an event comes (librdkafka signals a condition variable); `wait` (ms) only bounds it.
    func poll(wait: Int32 = 500, limit: Int = 2000, _ body: (OpaquePointer) -> Void) {
        var timeout = wait
        for _ in 0..<limit {
            guard let event = rd_kafka_queue_poll(pointer, timeout) else { return }
            timeout = 0
            body(event)
            rd_kafka_event_destroy(event)
        }
    }
}

enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new detached thread: for calls that block.
    static func start(_ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let started = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context.toOpaque())
        guard started == 0 else {
            context.release()
            preconditionFailure("no thread can be made: \(String(cString: strerror(started)))")
        }
        pthread_detach(thread)
    }
}

extension KafkaConfiguration {
    /// Builds librdkafka's configuration of `defaults` and the caller's own properties over them.
    func make(_ defaults: [String: String], events: Int32) throws(KafkaError) -> OpaquePointer {
        guard let conf = rd_kafka_conf_new() else { throw KafkaError(RD_KAFKA_RESP_ERR__FAIL) }
        var all = ["bootstrap.servers": brokers, "client.id": clientID, "log.queue": "true"]
        all.merge(defaults) { $1 }
        all.merge(properties) { $1 }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) {
            var reason = [CChar](repeating: 0, count: 512)
            guard rd_kafka_conf_set(conf, name, value, &reason, reason.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(conf)
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__INVALID_ARG, String(nulTerminated: reason))
            }
        }
        rd_kafka_conf_set_events(
            conf, events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS)
        return conf
    }
}

extension String {
    /// The text that a C function left in a buffer.
    init(nulTerminated buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
