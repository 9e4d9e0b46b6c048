import Foundation

/// What a run of round trips took.
struct Samples {
    /// Seconds.
    var elapsed = 0.0
    /// Nanoseconds of each round trip.
    var latencies: [UInt32] = []
}

struct HopFigures: Encodable {
    let roundTripsPerSecond: Double
    let framesPerSecond: Double
    let p50Microseconds: Double
    let p99Microseconds: Double
    let clientCPUPerMillionFrames: Double
    let serverCPUPerMillionFrames: Double

    /// - Parameters:
    ///   - clientCPU: seconds.
    ///   - serverCPU: seconds.
    init(_ samples: Samples, clientCPU: Double, serverCPU: Double) {
        let sorted = samples.latencies.sorted()
        func quantile(_ part: Double) -> Double {
            guard !sorted.isEmpty else { return 0 }
            return Double(sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]) / 1000
        }
        let frames = 2 * Double(max(1, sorted.count))
        roundTripsPerSecond = frames / 2 / samples.elapsed
        framesPerSecond = frames / samples.elapsed
        p50Microseconds = quantile(0.5)
        p99Microseconds = quantile(0.99)
        clientCPUPerMillionFrames = 1e6 * clientCPU / frames
        serverCPUPerMillionFrames = 1e6 * serverCPU / frames
    }
}
