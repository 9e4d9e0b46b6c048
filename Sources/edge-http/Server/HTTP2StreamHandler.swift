import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Operations

/// One request of a client's HTTP/2 connection. Its times are those of a connection that brings one request; its end is the
/// stream's alone.
final class HTTP2StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let rules: ClientRules
    private var machine: ConnectionMachine
    private var alarm = Alarm()
    /// The whole request has come.
    private var isComplete = false

    init(rules: ClientRules) {
        self.rules = rules
        machine = ConnectionMachine(timeouts: rules.timeouts, now: .now())
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            machine.headCame(keepsAlive: false, .now())
            if rules.expectsContinue(
                head.headerFields[values: .expect], contentLength: head.headerFields[.contentLength])
            {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body:
            guard !machine.isDropping else { return }
            machine.bodyCame()
        case .end:
            isComplete = true
            guard !machine.isDropping else { return }
            machine.endCame(.now())
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        readOnIfDropping(context)
        setAlarm(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var response) where response.status.kind != .informational:
            _ = machine.answerBegan(.now())
            SecurityHeaders.apply(to: &response.headerFields, isSecure: rules.isSecure)
            context.write(wrapOutboundOut(.head(response)), promise: promise)
        case .head, .body: context.write(data, promise: promise)
        case .end:
            machine.answerEnded(.now())
            let taken = promise ?? context.eventLoop.makePromise()
            taken.futureResult.assumeIsolated().whenComplete { _ in self.answerTaken(context) }
            context.write(data, promise: taken)
        }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        setAlarm(context)
    }

    private func answerTaken(_ context: ChannelHandlerContext) {
        _ = machine.answerTaken(.now())
        readOnIfDropping(context)
        setAlarm(context)
    }

    /// Of a request that is refused before its end the rest is dropped. The stream ends with it, or when the time for it is
    /// over: a client that is told to stop at once may take that for the loss of the answer.
    private func readOnIfDropping(_ context: ChannelHandlerContext) {
        if machine.isClosing, !isComplete { context.read() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // After the answer the stream ends by itself, however the server above takes leave.
        if machine.isClosing {
            promise?.succeed()
        } else {
            context.close(mode: mode, promise: promise)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        machine.closed()
        alarm.cancel()
    }

    private func setAlarm(_ context: ChannelHandlerContext) {
        guard let deadline = machine.deadline else { return }
        alarm.set(deadline, on: context.eventLoop) { self.wakeUp(context) }
    }

    private func wakeUp(_ context: ChannelHandlerContext) {
        alarm.rang()
        switch machine.expire(.now()) {
        case .close, .answerHeaderTimeout: context.close(promise: nil)
        case .closeUnanswered:
            rules.faults.count(.answerTimeout)
            context.close(promise: nil)
        case .failBody:
            rules.faults.count(.bodyTimeout)
            context.fireErrorCaught(Problem.bodyTimeout)
        case nil: break
        }
        setAlarm(context)
    }
}
