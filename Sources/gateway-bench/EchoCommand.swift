import ArgumentParser
import Hummingbird
import Logging
import NIOPosix

/// The least that an HTTP server built on the same library can do, for comparison with edge-http.
struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Answers every POST with its own body, by Hummingbird alone.")

    @Option(help: "Address.") var host = "127.0.0.1"
    @Option(help: "Port; 0 picks a free one, which the log names.") var port = 0
    @Option(help: "Event loops.") var loops = 1

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port is 0 to 65535") }
        guard loops > 0 else { throw ValidationError("--loops is above 0") }
    }

    func run() async throws {
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let body = try await request.body.collect(upTo: 16 << 20)
            return Response(
                status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
        }
        let application = Application(
            responder: responder,
            configuration: .init(address: .hostname(host, port: port), serverName: nil),
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: loops)),
            logger: Logger(label: "echo"))
        try await application.runService()
    }
}
