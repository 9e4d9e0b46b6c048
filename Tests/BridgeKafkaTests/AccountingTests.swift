import KafkaClient
import NIOCore
import Shared
import Testing

@testable import bridge_kafka

/// Whatever happens in whatever order, what has begun ends exactly once.
@Suite struct AccountingTests {
    /// Numbers that are the same for a seed (Knuth's linear congruential generator).
    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }

    private static let ids = (0..<12).map { RequestTableTests.id($0) }

    private func reply(_ id: BridgeRequestID, _ chance: inout Chance) -> ReplyRecord {
        var headers = [KafkaHeader("kafka_correlationId", id.description)]
        if Bool.random(using: &chance) {
            headers.append(KafkaHeader("kafka_nest-is-disposed", ByteBuffer(bytes: [0])))
        }
        if Int.random(in: 0..<4, using: &chance) == 0 {
            headers.append(KafkaHeader("kafka_nest-err", ByteBuffer(string: "\"no\"")))
        }
        let value = ["1", "null", nil, "\u{1}{"].randomElement(using: &chance) ?? nil
        return ReplyRecord(
            KafkaMessage(
                topic: "r", partition: 0, offset: 0, timestamp: nil, key: nil,
                value: value.map { ByteBuffer(string: $0) }, headers: headers))
    }

    @Test(arguments: 0..<12)
    func eachRequestEndsOnce(_ seed: UInt64) {
        var chance = Chance(state: seed)
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var limits = RequestTable<Int>.Limits(longestTimeout: .seconds(20))
        limits.entries = 8
        limits.orphans.bytes = 500
        limits.handedOver.bytes = 500
        var table = RequestTable<Int>(limits: limits)
        var tokens: [UInt64] = []
        /// Final words per request that an edge was told since it last asked.
        var told: [BridgeRequestID: Int] = [:]
        func hear(_ actions: [RequestTable<Int>.Action]) {
            for action in actions {
                switch action {
                case .reply(_, let id, true, _), .serviceError(_, let id, _), .fail(_, let id, _),
                    .accept(_, let id):
                    told[id, default: 0] += 1
                case .reply, .keep: break
                }
            }
        }
        for _ in 0..<2000 {
            let id = Self.ids.randomElement(using: &chance) ?? Self.ids[0]
            let edge = Int.random(in: 0..<3, using: &chance)
            switch Int.random(in: 0..<9, using: &chance) {
            case 0, 1, 2:
                do throws(BridgeFailure) {
                    let isEvent = Int.random(in: 0..<4, using: &chance) == 0
                    let keeps = Bool.random(using: &chance)
                    tokens.append(
                        try table.begin(
                            id, edge: edge, timeout: .seconds(5), isEvent: isEvent, keepsReply: keeps, now))
                    told[id] = 0
                } catch {
                    table.refused(error)
                }
            case 3, 4: hear(table.replied(reply(id, &chance), now))
            case 5:
                guard let token = tokens.popLast() else { continue }
                let fates: [RequestTable<Int>.Delivery] = [
                    .delivered, .delivered, .notSent("x"), .unknown("x"),
                ]
                hear(table.reported(token, fates.randomElement(using: &chance) ?? .delivered))
            case 6:
                told[id] = 0
                hear(table.resumed(id, edge: edge, timeout: .seconds(5), now))
            case 7:
                if Bool.random(using: &chance) {
                    _ = table.cancelled(id)
                } else {
                    table.disconnected(Self.ids) { $0 == edge }
                }
            default:
                now = now + .milliseconds(Int64.random(in: 0..<2000, using: &chance))
                table.tick(now)
            }
            let counters = table.counters
            #expect(counters.begun == counters.ended.total + table.inFlight)
            #expect(counters.failures.values.reduce(0, +) == counters.ended.failed)
            #expect(told.values.allSatisfy { $0 <= 1 }, "\(told)")
        }
        now = now + .seconds(60)
        table.tick(now)
        #expect(table.inFlight == 0 && table.counters.begun == table.counters.ended.total)
        #expect(table.counters.ended.total > 200)
    }
}
