import Foundation
import Logging
import NIOCore
import Shared
import Synchronization

/// Round trips by the edges' client.
struct BridgeLoad {
    let path: String
    let body: ByteBuffer

    struct Failed: Error {
        let outcome: BridgeOutcome?
    }

    /// Keeps that many requests in flight.
    func run(inFlight: Int, seconds: Double) async throws -> Samples {
        var logger = Logger(label: "ipc")
        logger.logLevel = .error
        let client = BridgeClient(
            .init(paths: [path], role: "edge-http", instance: "bench", build: "bench"), logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            defer { group.cancelAll() }
            let patience = NIODeadline.now() + .seconds(10)
            while client.missing != nil {
                guard .now() < patience else { throw Failed(outcome: nil) }
                try await Task.sleep(for: .milliseconds(10))
            }
            return try await load(client, inFlight, seconds)
        }
    }

    private func load(_ client: BridgeClient, _ inFlight: Int, _ seconds: Double) async throws -> Samples {
        let start = NIODeadline.now()
        let end = start + .nanoseconds(Int64(seconds * 1e9))
        let body = body
        return try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for _ in 0..<inFlight {
                group.addTask {
                    var latencies: [UInt32] = []
                    var now = NIODeadline.now()
                    while now < end {
                        let outcome = await client.request(.sample(body))
                        guard case .reply = outcome else { throw Failed(outcome: outcome) }
                        let done = NIODeadline.now()
                        latencies.append(UInt32(clamping: (done - now).nanoseconds))
                        now = done
                    }
                    return latencies
                }
            }
            var samples = Samples()
            for try await latencies in group { samples.latencies += latencies }
            samples.elapsed = Double((NIODeadline.now() - start).nanoseconds) / 1e9
            return samples
        }
    }
}
