import Logging
import NIOCore
import SocketIO
import Synchronization
import Telemetry

/// Delivers the messages of Socket.IO emitters, at most once: they are in no history.
final class EmitterIntake: Sendable {
    struct Statistics: Sendable {
        /// Counted on each event loop that has the user.
        var events = 0
        /// Messages that were not delivered: not as the emitter writes them, or not for the sockets here.
        var refused = 0
    }

    let channels: EmitterChannels
    private let limit: Int
    private let keepsOffset: Bool
    private let logger: Logger
    private let counts = Mutex(Statistics())

    /// - Parameters:
    ///   - limit: bytes of one message.
    ///   - keepsOffset: whether clients may recover, and so must keep their offset.
    init(
        _ channels: EmitterChannels, limit: Int, keepsOffset: Bool, logger: Logger
    ) {
        self.channels = channels
        self.limit = limit
        self.keepsOffset = keepsOffset
        self.logger = logger
    }

    var statistics: Statistics { counts.withLock { $0 } }

    /// For a scrape.
    var samples: [Sample] {
        let statistics = statistics
        return [
            Sample(.emitterMessages, "delivered", count: statistics.events),
            Sample(.emitterMessages, "refused", count: statistics.refused),
        ]
    }

    /// - Parameters:
    ///   - toRoom: sends what came by the channel of one room.
    ///   - toNamespace: sends what came by the channel for several rooms or none.
    /// - Returns: false when the channel is no emitter's.
    func take(
        _ message: ByteBuffer, from channel: String, toRoom: (EncodedEvent, Audience) -> Void,
        toNamespace: (EncodedEvent, Audience) -> Void
    ) -> Bool {
        guard let scope = channels.scope(of: channel) else { return false }
        do throws(EmitterFault) {
            let message = try EmitterMessage(
                message, from: scope, namespace: channels.namespace, limit: limit)
            let emit = scope == .namespace ? toNamespace : toRoom
            emit(message.event(in: channels.namespace, keepsOffset: keepsOffset), message.audience)
            counts.withLock { $0.events += 1 }
        } catch {
            counts.withLock { $0.refused += 1 }
            logger.warning(
                "an emitter's message is not delivered",
                metadata: ["channel": "\(channel)", "reason": "\(error.reason)"])
        }
        return true
    }
}
