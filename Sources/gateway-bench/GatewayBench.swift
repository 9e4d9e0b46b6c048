import ArgumentParser

/// Measures parts of the gateway by themselves, each beside a reference in the same run. For development only.
@main
struct GatewayBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway-bench",
        abstract: "Measures parts of vy-gateway, each beside a reference in the same run.",
        subcommands: [IPCCommand.self, IPCServerCommand.self, JSONCommand.self, EchoCommand.self])
}
