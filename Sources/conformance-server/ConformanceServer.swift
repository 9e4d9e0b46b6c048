import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOPosix
import SocketIO
import UnixSignals

/// The Socket.IO library alone, for protocol suites that test it from outside. For development only.
@main
struct ConformanceServer: AsyncParsableCommand {
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        /// Engine.IO at `/engine.io/`: every message is sent back.
        case eio
        /// Socket.IO at `/socket.io/` with the namespaces `/` and `/custom`; see ``SuiteApplication``.
        case sio
        /// WebSocket at `/`: every message is sent back.
        case echo
    }

    static let configuration = CommandConfiguration(
        commandName: "conformance-server",
        abstract: "Serves Engine.IO, Socket.IO or WebSocket for conformance suites, without Redis and Kafka.")

    @Option(help: "What is spoken.") var mode: Mode
    @Option(help: "Port; 0 picks a free one.") var port: Int
    @Option(help: "Address.") var host = "127.0.0.1"
    @Option(help: "Time (ms) between heartbeats.") var pingInterval = 300
    @Option(help: "Time (ms) for the answer to a heartbeat.") var pingTimeout = 200
    @Option(help: "Longest message (bytes).") var maxPayload = 1_000_000
    @Option(help: "Time (ms) within which a client has to join a namespace.") var connectTimeout = 1000

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port is 0 to 65535") }
        guard [pingInterval, pingTimeout, maxPayload, connectTimeout].allSatisfy({ $0 > 0 }) else {
            throw ValidationError("times and sizes are above 0")
        }
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "conformance-server")
        let (bound, stop) = try await start(group, logger)
        // Not `print`, which keeps the line back when it goes to a pipe or a file.
        FileHandle.standardOutput.write(Data("\(mode.rawValue) is listening on \(host):\(bound)\n".utf8))
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        await stop()
        try await group.shutdownGracefully()
    }

    /// - Returns: the port, and what ends the server.
    private func start(
        _ group: any EventLoopGroup, _ logger: Logger
    ) async throws -> (port: Int, stop: () async -> Void) {
        switch mode {
        case .eio:
            let server = EngineIOServer(settings("/engine.io/"), group: group, logger: logger) {
                EchoApplication($0)
            }
            return (try await server.start(host: host, port: port), { await server.stop() })
        case .sio:
            let server = SocketIOServer(
                settings("/socket.io/"), namespaces: ["/", "/custom"], delegate: SuiteApplication(),
                group: group, logger: logger)
            return (try await server.start(host: host, port: port), { await server.stop() })
        case .echo:
            let server = WebSocketEchoServer(
                maxMessage: 16 << 20, bufferLimit: 64 << 20, maxConnections: 1000, group: group)
            return (try await server.start(host: host, port: port), { await server.stop() })
        }
    }

    private func settings(_ path: String) -> SocketIOConfiguration {
        var settings = SocketIOConfiguration()
        settings.path = path
        settings.pingInterval = .milliseconds(Int64(pingInterval))
        settings.pingTimeout = .milliseconds(Int64(pingTimeout))
        settings.maxPayload = maxPayload
        settings.connectTimeout = .milliseconds(Int64(connectTimeout))
        settings.allowedOrigins = ["*"]
        return settings
    }
}
