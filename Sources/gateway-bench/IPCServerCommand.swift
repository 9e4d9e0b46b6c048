import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOPosix
import Shared

/// The other side of ``IPCCommand``, which starts it.
struct IPCServerCommand: ParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        /// The bridge's server; each request is answered with its body.
        case bridge
        /// SwiftNIO alone; all bytes are sent back.
        case bare
    }

    static let configuration = CommandConfiguration(commandName: "ipc-server", shouldDisplay: false)
    static let window = 4096

    @Option var kind: Kind
    @Option var path: String

    func run() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let bridge = NIOLoopBoundBox.makeBoxSendingValue(EchoBridge(path: path, loop), eventLoop: loop)
        switch kind {
        case .bridge: try loop.flatSubmit { bridge.value.start() }.wait()
        case .bare:
            _ = try ServerBootstrap(group: group)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(BareServer())
                    }
                }
                .bind(unixDomainSocketPath: path).wait()
        }
        say("listening")
        _ = FileHandle.standardInput.readDataToEndOfFile()
    }
}

/// The bridge without Kafka. Lives on one event loop, for as long as the process.
private final class EchoBridge: BridgeServerDelegate {
    private let path: String
    private let loop: any EventLoop
    private var server: BridgeServer?

    init(path: String, _ loop: any EventLoop) {
        self.path = path
        self.loop = loop
    }

    func start() -> EventLoopFuture<Void> {
        var logger = Logger(label: "ipc-server")
        logger.logLevel = .error
        let server = BridgeServer(
            BridgeServerConfiguration(
                path: path, instance: "bench", replySource: "bench", window: IPCServerCommand.window,
                maxFrame: BridgeLimits.defaultMaxFrame, allowedUserIDs: []),
            delegate: self, eventLoop: loop, logger: logger)
        self.server = server
        return server.start()
    }

    func requested(_ request: BridgeRequest, by session: BridgeSession) {
        session.reply(request.id, final: true, body: request.body)
    }

    func emitted(_ request: BridgeRequest, by session: BridgeSession) { session.accept(request.id) }

    func resumed(_ id: BridgeRequestID, timeout: Duration, by session: BridgeSession) {}

    func stoodIn(for replySource: String) {}

    func cancelled(_ id: BridgeRequestID, by session: BridgeSession) {}

    func closed(_ session: BridgeSession, waitingFor ids: Set<BridgeRequestID>) {}

    func replaced() {}
}
