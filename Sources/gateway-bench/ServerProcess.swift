import Foundation

/// The other side of the hop: this program once more, until ``stop()``.
final class ServerProcess {
    private let process = Process()
    private let input = Pipe()
    private let directory: String
    let path: String

    struct Failed: Error {}

    init(_ kind: IPCServerCommand.Kind) throws {
        directory = "/tmp/gateway-bench-\(UInt64.random(in: 0...UInt64.max))"
        path = "\(directory)/bridge.sock"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let output = Pipe()
        process.executableURL = Bundle.main.executableURL
        process.arguments = ["ipc-server", "--kind", kind.rawValue, "--path", path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // It says one line when it listens, and nothing when it fails.
        guard !output.fileHandleForReading.availableData.isEmpty else { throw Failed() }
    }

    var cpuSeconds: Double { CPUClock.process(process.processIdentifier) ?? 0 }

    /// The end of its input is what ends it, also when this process is killed.
    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
