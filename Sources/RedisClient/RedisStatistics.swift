import CoreMetrics
import NIOCore
public import Telemetry

/// The commands that wait for their replies, and the bounds of that.
public struct RedisStatistics: Sendable {
    public var waiting = 0
    public var waitingBytes = 0
    /// Commands for which there was no room.
    public var refused = 0
    public var limit = 0
    public var byteLimit = 0

    /// The figures of several connections together.
    public static func += (left: inout Self, right: Self) {
        left.waiting += right.waiting
        left.waitingBytes += right.waitingBytes
        left.refused += right.refused
        left.limit += right.limit
        left.byteLimit += right.byteLimit
    }

    public var samples: [Sample] {
        Sample.queue(
            "redis", items: waiting, itemsLimit: limit, bytes: waitingBytes, bytesLimit: byteLimit,
            refused: refused)
    }
}

extension RedisClient {
    /// For a scrape.
    public func samples() async -> [Sample] {
        await statistics().samples + [Sample(.redisUp, "commands", value: missing == nil ? 1 : 0)]
    }
}

/// Counts how commands ended.
struct CommandMeter: Sendable {
    private let duration = Timer(.redisDuration)
    private let errors = CounterSet<RedisError.Code>(.redisErrors)

    func ended(_ result: Result<RESPValue, RedisError>, since start: NIODeadline) {
        switch result {
        case .success: duration.recordNanoseconds((NIODeadline.now() - start).nanoseconds)
        case .failure(let error):
            errors.count(error.code)
            if error.outcome == .answered {
                duration.recordNanoseconds((NIODeadline.now() - start).nanoseconds)
            }
        }
    }
}
