import NIOCore
import Testing

@testable import RedisClient

@Suite final class SubscriberMachineTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var machine = SubscriberMachine(RedisConfiguration(host: "h", port: 1), random: { 1 })

    private typealias Action = RedisAction<SubscriberMachine.Output>

    private func command(_ words: String...) -> Action {
        var buffer = ByteBuffer()
        buffer.writeRedisCommand(words.map { .text($0) })
        return .write(buffer)
    }

    private func push(_ kind: String, _ channel: String?, _ last: RESPValue = .integer(1)) -> RESPValue {
        .array([bulk(kind), channel.map(bulk) ?? .null, last])
    }

    private func bulk(_ text: String) -> RESPValue { .string(ByteBuffer(string: text)) }

    private func makeReady() {
        #expect(machine.start() == [.connect])
        #expect(machine.connected(Self.start) == [command("PING")])
        #expect(machine.received(.status("PONG"), Self.start) == [])
        #expect(machine.missing == nil)
    }

    @Test func subscribesOnceItsPasswordIsTaken() {
        var configuration = RedisConfiguration(host: "h", port: 1)
        configuration.credentials = .init(user: nil, password: "p")
        machine = SubscriberMachine(configuration, random: { 1 })
        _ = machine.start()
        #expect(machine.connected(Self.start) == [command("AUTH", "p"), command("PING")])
        #expect(machine.subscribe("a") == [])
        #expect(machine.received(.status("OK"), Self.start) == [])
        #expect(machine.missing != nil)
        #expect(machine.received(.status("PONG"), Self.start) == [command("SUBSCRIBE", "a")])
        #expect(machine.received(.status("OK"), Self.start) == [.close])
    }

    @Test func subscribesAndDelivers() {
        makeReady()
        #expect(machine.subscribe("a") == [command("SUBSCRIBE", "a")])
        #expect(machine.received(push("subscribe", "a"), Self.start) == [.output(.subscribed("a"))])
        #expect(
            machine.received(push("message", "a", bulk("hi")), Self.start)
                == [.output(.message(channel: "a", ByteBuffer(string: "hi")))])
    }

    @Test func aChannelThatIsRefusedDoesNotMakeItTryFaster() {
        var now = Self.start
        _ = machine.start()
        _ = machine.subscribe("a")
        for pause in [50, 100, 200, 400, 800, 1600, 2000] {
            _ = machine.connected(now)
            #expect(machine.received(.status("PONG"), now) == [command("SUBSCRIBE", "a")])
            #expect(machine.received(.error("NOPERM no permission"), now) == [.close])
            #expect(machine.missing == "NOPERM no permission")
            #expect(machine.nextWakeUp == now + .milliseconds(Int64(pause)))
            now = now + .milliseconds(Int64(pause))
            #expect(machine.tick(now) == [.connect])
        }
        _ = machine.connected(now)
        _ = machine.received(.status("PONG"), now)
        _ = machine.closed("gone", now + .seconds(2))
        #expect(machine.nextWakeUp == now + .milliseconds(2050), "it has lasted")
    }

    @Test func whatIsUnsubscribedIsNotDelivered() {
        makeReady()
        _ = machine.subscribe("a")
        #expect(machine.unsubscribe("a") == [command("UNSUBSCRIBE", "a")])
        #expect(machine.received(push("subscribe", "a"), Self.start) == [])
        #expect(machine.received(push("message", "a", bulk("hi")), Self.start) == [])
        #expect(machine.received(push("unsubscribe", "a"), Self.start) == [])
        #expect(machine.received(push("unsubscribe", nil), Self.start) == [])
        #expect(machine.unsubscribe("a") == [])
    }

    @Test func subscribesAgainAfterAReconnection() {
        makeReady()
        _ = machine.subscribe("b")
        #expect(machine.closed("gone", Self.start) == [])
        #expect(machine.missing == "gone")
        #expect(machine.subscribe("a") == [])
        #expect(machine.tick(Self.start + .milliseconds(50)) == [.connect])
        _ = machine.connected(Self.start)
        #expect(machine.received(.status("PONG"), Self.start) == [command("SUBSCRIBE", "a", "b")])
        #expect(machine.received(push("subscribe", "a"), Self.start) == [.output(.subscribed("a"))])
        #expect(machine.received(push("subscribe", "b"), Self.start) == [.output(.subscribed("b"))])
    }

    @Test func subscribesInBatches() {
        _ = machine.start()
        for number in 0..<1200 { _ = machine.subscribe("c\(number)") }
        _ = machine.connected(Self.start)
        #expect(machine.received(.status("PONG"), Self.start).count == 3)
    }

    @Test func asksASilentConnectionWhetherItIsAlive() {
        makeReady()
        _ = machine.subscribe("a")
        #expect(machine.tick(Self.start + .seconds(5)) == [command("PING")])
        #expect(machine.received(.array([bulk("pong"), bulk("")]), Self.start + .seconds(6)) == [])
        #expect(machine.tick(Self.start + .seconds(10)) == [])
        #expect(machine.tick(Self.start + .seconds(11)) == [command("PING")])
        #expect(machine.tick(Self.start + .seconds(13)) == [.close])
        #expect(machine.missing == "no reply in time")
    }

    @Test(arguments: [
        RESPValue.error("NOAUTH"), .integer(1), .null, .array([]), .status("?"), .array([.integer(1)]),
    ])
    func whatNoSubscriptionHasEndsTheConnection(_ value: RESPValue) {
        makeReady()
        #expect(machine.received(value, Self.start) == [.close])
        #expect(machine.missing != nil)
    }
}
