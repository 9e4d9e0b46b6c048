import Logging
import Testing

@testable import Shared

/// The connections of an edge to its bridge.
@Suite
struct BridgeReachabilityTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func oneConnectionIsEnoughToWorkWith() {
        let connections = BridgeReachability(lanes: 2)
        #expect(connections.missing == "not connected yet")
        connections.set(nil, of: 1, path: "a", logger)
        #expect(connections.missing == nil)
        #expect(!connections.isConnected(0))
        #expect(connections.isConnected(1))
    }

    @Test func withoutAnyTheFirstOnesReasonIsTold() {
        let connections = BridgeReachability(lanes: 2)
        connections.set(nil, of: 0, path: "a", logger)
        connections.set(nil, of: 1, path: "a", logger)
        connections.set("the first is gone", of: 0, path: "a", logger)
        #expect(connections.missing == nil)
        connections.set("the second is gone", of: 1, path: "a", logger)
        #expect(connections.missing == "the first is gone")
    }

    @Test func whatAllHaveCountedIsOneSum() {
        var sum = BridgeStatistics()
        var one = BridgeStatistics()
        one.requests = 2
        one.outcomes = ["reply": 1, "deadline": 1]
        one.connections = 1
        one.window = 10
        one.oldest = 7
        var other = one
        other.outcomes = ["reply": 2]
        other.oldest = 3
        sum += one
        sum += other
        #expect(sum.requests == 4)
        #expect(sum.outcomes == ["reply": 3, "deadline": 1])
        #expect(sum.connections == 2)
        #expect(sum.window == 20)
        #expect(sum.oldest == 7)
    }
}
