import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Operations
import Shared

/// One client's HTTP/1.1 connection: performs what a `ConnectionMachine` decides, translates between NIO's and the shared
/// HTTP types, and answers itself what never becomes a request.
final class HTTP1Handler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let rules: ClientRules
    private var machine: ConnectionMachine
    private var alarm = Alarm()
    /// What has come behind a request that is being worked on, and is no HTTP.
    private var fault: Problem?
    /// A request whose turn to be told `100 Continue` has not come.
    private var owesContinue = false
    /// The client has closed its side.
    private var isInputClosed = false

    /// - Parameter connected: when the connection was accepted.
    init(rules: ClientRules, connected: NIODeadline) {
        self.rules = rules
        machine = ConnectionMachine(timeouts: rules.timeouts, now: connected)
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !machine.isDropping else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): headCame(head, context)
        case .body(let part):
            machine.bodyCame()
            context.fireChannelRead(wrapInboundOut(.body(part)))
        case .end(let trailers):
            machine.endCame(.now())
            owesContinue = false
            context.fireChannelRead(
                wrapInboundOut(.end(trailers.map { HTTPFields($0, splitCookie: false) })))
        }
    }

    private func headCame(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let hosts = head.headers[canonicalForm: "host"].count
        guard hosts == 1 || hosts == 0 && head.version != .http1_1 else { return refuse(.wrongHost, context) }
        do {
            let request = try HTTPRequest(head, secure: rules.isSecure, splitCookie: false)
            machine.headCame(keepsAlive: head.isKeepAlive, .now())
            owesContinue =
                head.version == .http1_1
                && rules.expectsContinue(
                    head.headers[canonicalForm: "expect"],
                    contentLength: head.headers.first(name: "content-length"))
            sendContinue(context)
            context.fireChannelRead(wrapInboundOut(.head(request)))
        } catch {
            refuse(.notHTTP(error), context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        machine.readCompleted(.now())
        context.fireChannelReadComplete()
        readOnIfDropping(context)
        setAlarm(context)
    }

    /// Nobody above asks for more once the last answer is given.
    private func readOnIfDropping(_ context: ChannelHandlerContext) {
        if machine.isClosing { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is HTTPParserError: refuse(.notHTTP(error), context)
        // The client has gone, and the rest of its request with it.
        case is IOError where machine.isReadingBody: refuse(.notHTTP(error), context)
        // More has come behind what was no HTTP.
        case is ByteToMessageDecoderError: break
        default: context.fireErrorCaught(error)
        }
    }

    /// What was read is no request, or not the rest of one.
    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard !machine.isDropping else { return }
        rules.faults.count(.malformed)
        if machine.isReadingBody {
            machine.inputEnded()
            context.fireErrorCaught(problem)
        } else if machine.isWorking {
            machine.faultCame()
            fault = problem
        } else {
            answer(problem, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else {
            return context.fireUserInboundEventTriggered(event)
        }
        isInputClosed = true
        if machine.isLingering { return context.close(promise: nil) }
        machine.inputEnded()
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !machine.isClosing else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var response):
            if response.status.kind != .informational {
                let isLast = machine.answerBegan(.now(), isLeaving: rules.drain.isDraining)
                SecurityHeaders.apply(to: &response.headerFields, isSecure: rules.isSecure)
                if isLast { response.headerFields[.connection] = "close" }
            }
            context.write(wrapOutboundOut(.head(HTTPResponseHead(response))), promise: promise)
        case .body(let part):
            context.write(wrapOutboundOut(.body(.byteBuffer(part))), promise: promise)
        case .end(let trailers):
            machine.answerEnded(.now())
            writeEnd(trailers.map(HTTPHeaders.init), context, promise)
            answered(context)
        }
    }

    private func writeEnd(
        _ trailers: HTTPHeaders?, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        let taken = promise ?? context.eventLoop.makePromise()
        taken.futureResult.assumeIsolated().whenComplete { _ in self.answerTaken(context) }
        context.write(wrapOutboundOut(.end(trailers)), promise: taken)
    }

    /// An answer is complete; what waited for it goes on.
    private func answered(_ context: ChannelHandlerContext) {
        sendContinue(context)
        if let fault, !machine.isWorking, !machine.isClosing { answer(fault, context) }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        setAlarm(context)
    }

    /// The connection answers for itself, and ends.
    private func answer(_ problem: Problem, _ context: ChannelHandlerContext) {
        machine.ownAnswerBegan(.now())
        let requestID = BridgeRequestID.random().description
        let body = problem.document(requestID: requestID, instance: nil)
        var fields: HTTPFields = [
            .contentType: Problem.contentType, .contentLength: String(body.readableBytes),
            .connection: "close",
            .date: HTTPDate.now(), RequestRules.requestIDField: requestID,
        ]
        SecurityHeaders.apply(to: &fields, isSecure: rules.isSecure)
        let head = HTTPResponse(status: problem.status, headerFields: fields)
        context.write(wrapOutboundOut(.head(HTTPResponseHead(head))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        writeEnd(nil, context, nil)
        context.flush()
        readOnIfDropping(context)
        setAlarm(context)
    }

    private func sendContinue(_ context: ChannelHandlerContext) {
        guard owesContinue, machine.isBodysTurn else { return }
        owesContinue = false
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    // MARK: - The end

    private func answerTaken(_ context: ChannelHandlerContext) {
        guard machine.answerTaken(.now()) else { return setAlarm(context) }
        guard !isInputClosed else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        readOnIfDropping(context)
        setAlarm(context)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // After the last answer the connection ends by itself, however the server above takes leave.
        if machine.isClosing {
            promise?.succeed()
        } else {
            context.close(mode: mode, promise: promise)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { setAlarm(context) }

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
        let isEnding = machine.isClosing
        switch machine.expire(.now()) {
        case .close:
            if !isEnding { rules.faults.count(.idle) }
            context.close(promise: nil)
        case .closeUnanswered:
            rules.faults.count(.answerTimeout)
            context.close(promise: nil)
        case .answerHeaderTimeout:
            rules.faults.count(.headerTimeout)
            answer(.headerTimeout, context)
        case .failBody:
            rules.faults.count(.bodyTimeout)
            context.fireErrorCaught(Problem.bodyTimeout)
        case nil: break
        }
        setAlarm(context)
    }
}
