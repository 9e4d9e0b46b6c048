import NIOCore
import OTLPTracing
import Shared
import SocketIO
import Tracing

/// Updates as clients get them, each with a span of its own where it is traced.
struct UpdateEvents: Sendable {
    let namespace: String
    let recovery: Recovery
    let tracer: ProcessTracer
    /// Whether clients are told of an update's trace, so that they can go on with it.
    let offersTraceContext: Bool

    /// An update that belongs to no trace begins none: its trace would say nothing of where it came from.
    ///
    /// - Parameter isRecovered: whether one socket gets it late, instead of all of its user's.
    func withEvent<Result>(
        for update: UserUpdate, of userID: String, isRecovered: Bool = false,
        _ send: (EncodedEvent) -> Result
    ) -> Result {
        let span = update.trace.flatMap { tracer.start("send \(update.event)", .producer, in: $0) }
        defer { span?.end() }
        if let span, span.isRecording {
            span.updateAttributes { attributes in
                attributes["messaging.system"] = "socket.io"
                attributes["messaging.operation.name"] = "send"
                attributes["messaging.operation.type"] = "send"
                attributes["messaging.destination.name"] = namespace
                attributes["messaging.message.id"] = update.id.description
                attributes["messaging.message.body.size"] = update.data.readableBytes
                attributes["vy.recovered"] = isRecovered
            }
        }
        let offered = offersTraceContext ? span?.trace ?? update.trace : nil
        return send(recovery.event(update, of: userID, namespace: namespace, trace: offered))
    }
}
