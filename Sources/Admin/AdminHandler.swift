import NIOCore
import NIOHTTP1

/// One connection of an operator, or of what scrapes.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of bodies that are read and dropped.
    private static let mostUnwanted = 65_536

    private let site: AdminSite
    private let host: AdminHost
    private var head: HTTPRequestHead?
    private var unwanted = 0

    init(_ site: AdminSite, host: AdminHost) {
        self.site = site
        self.host = host
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // Nothing here takes a body.
        case .body(let part):
            unwanted += part.readableBytes
            if unwanted > Self.mostUnwanted { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = head.uri.prefix { $0 != "?" }
        guard host.takes(head.headers, for: path) else {
            return write(
                .text(.misdirectedRequest, "Name this port by its address, or by localhost."), head, context)
        }
        site.page(head.method, path, on: context.eventLoop).assumeIsolated().whenSuccess {
            self.write($0, head, context)
        }
    }

    private func write(_ page: AdminPage, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders([
            ("content-type", page.contentType), ("content-length", String(page.body.readableBytes)),
            ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ])
        headers.add(contentsOf: page.headers)
        if page.status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(.init(version: .http1_1, status: page.status, headers: headers))),
            promise: nil)
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(page.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            if !head.isKeepAlive { context.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
