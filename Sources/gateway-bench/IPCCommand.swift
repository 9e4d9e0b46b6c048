import ArgumentParser
import Foundation
import Logging
import NIOCore
import Shared

/// The Unix-socket hop by itself: the edges' client here, the bridge's server in a process of its own.
struct IPCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipc",
        abstract: "The Unix-socket hop between an edge and the bridge, in frames a second.",
        discussion: """
            A round trip is two frames: a request, and a reply with the same body. bare: as many messages of the same \
            length, sent back by SwiftNIO alone. codec: frames made and read in memory by one core.
            """)

    private static let target = 300_000.0

    @Option(help: "Bytes of a body.") var body = 500
    @Option(help: "Requests in flight, a run for each number.") var inFlight = "1,64,256"
    @Option(help: "Seconds of each run.") var seconds = 5.0
    @OptionGroup var report: ReportOptions

    struct Run: Encodable {
        let inFlight: Int
        let bridge: HopFigures
        let bare: HopFigures
    }

    struct Results: Encodable {
        let machine: Machine
        let bodyBytes: Int
        let runs: [Run]
        let codec: CodecFigures
    }

    private var counts: [Int] { inFlight.split(separator: ",").compactMap { Int($0) } }

    func validate() throws {
        guard body >= 100, body <= 1 << 20 else { throw ValidationError("--body is 100 to 1048576") }
        guard seconds > 0 else { throw ValidationError("--seconds is above 0") }
        guard !counts.isEmpty, counts.allSatisfy({ (1...IPCServerCommand.window).contains($0) }) else {
            throw ValidationError("--in-flight is numbers of 1 to \(IPCServerCommand.window)")
        }
    }

    func run() async throws {
        let machine = Machine()
        say(machine.text)
        let body = ByteBuffer(string: Document.payment(bytes: body))
        let codec = try CodecFigures(body: body)
        var runs: [Run] = []
        for count in counts {
            let bridge = try await measure(.bridge) { path in
                try await BridgeLoad(path: path, body: body).run(inFlight: count, seconds: seconds)
            }
            let bare = try await measure(.bare) { path in
                try await BareLoad(path: path, messageBytes: codec.requestBytes)
                    .run(inFlight: count, seconds: seconds)
            }
            runs.append(Run(inFlight: count, bridge: bridge, bare: bare))
        }
        show(runs, codec)
        try report.write(
            Results(machine: machine, bodyBytes: body.readableBytes, runs: runs, codec: codec))
    }

    private func measure(
        _ kind: IPCServerCommand.Kind, _ load: (String) async throws -> Samples
    ) async throws -> HopFigures {
        let server = try ServerProcess(kind)
        defer { server.stop() }
        let own = CPUClock.process()
        let others = server.cpuSeconds
        let samples = try await load(server.path)
        return HopFigures(
            samples, clientCPU: CPUClock.process() - own, serverCPU: server.cpuSeconds - others)
    }

    private func show(_ runs: [Run], _ codec: CodecFigures) {
        var table = Table([
            "path", "in flight", "round trips/s", "frames/s", "p50 us", "p99 us", "client CPU-s/1M frames",
            "server CPU-s/1M frames", "of bare",
        ])
        for run in runs {
            for (name, figures) in [("bridge", run.bridge), ("bare", run.bare)] {
                table.add([
                    name, String(run.inFlight), whole(figures.roundTripsPerSecond),
                    whole(figures.framesPerSecond),
                    fixed(figures.p50Microseconds, 1), fixed(figures.p99Microseconds, 1),
                    fixed(figures.clientCPUPerMillionFrames, 2), fixed(figures.serverCPUPerMillionFrames, 2),
                    name == "bare"
                        ? "" : fixed(figures.roundTripsPerSecond / run.bare.roundTripsPerSecond, 2),
                ])
            }
        }
        say(table.text)
        say(codec.text)
        let best = runs.map(\.bridge.framesPerSecond).max() ?? 0
        say("most frames/s: \(whole(best)); \(verdict(best, least: Self.target, "frames/s"))")
    }
}
