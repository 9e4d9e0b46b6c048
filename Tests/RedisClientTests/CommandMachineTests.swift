import NIOCore
import Testing

@testable import RedisClient

@Suite final class CommandMachineTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var machine: CommandMachine<Int>
    private let command = ByteBuffer(string: "0123456789")

    init() {
        var configuration = RedisConfiguration(host: "h", port: 1)
        configuration.maxPending = 2
        configuration.maxPendingBytes = 25
        machine = CommandMachine(configuration, random: { 1 })
    }

    /// What the actions say, in a form that compares.
    private func text(_ actions: [RedisAction<CommandMachine<Int>.Output>]) -> [String] {
        actions.map { action in
            switch action {
            case .connect: "connect"
            case .write(let bytes): bytes == .redisPing ? "ping" : "write"
            case .close: "close"
            case .output(let output):
                switch output.result {
                case .success(let value): "\(output.waiter): \(value.text ?? "?")"
                case .failure(let error): "\(output.waiter): \(error.code.rawValue), \(error.outcome)"
                }
            }
        }
    }

    /// A connection of a machine that has a password, and what it begins with.
    private func connect(user: String?, password: String) -> [RedisAction<CommandMachine<Int>.Output>] {
        var configuration = RedisConfiguration(host: "h", port: 1)
        configuration.credentials = .init(user: user, password: password)
        machine = CommandMachine(configuration, random: { 1 })
        _ = machine.start()
        return machine.connected(Self.start)
    }

    private func makeReady() {
        #expect(text(machine.start()) == ["connect"])
        #expect(text(machine.connected(Self.start)) == ["ping"])
        #expect(machine.missing != nil)
        #expect(text(machine.received(.status("PONG"), Self.start)) == [])
        #expect(machine.missing == nil)
    }

    @Test func isReadyOnceItsPasswordIsTakenAndRedisAnswers() {
        let greeting = connect(user: "gateway", password: "p w")
        #expect(text(greeting) == ["write", "ping"])
        guard case .write(let auth)? = greeting.first else { return }
        #expect(String(buffer: auth) == "*3\r\n$4\r\nAUTH\r\n$7\r\ngateway\r\n$3\r\np w\r\n")
        #expect(text(machine.received(.status("OK"), Self.start)) == [])
        #expect(machine.missing != nil)
        #expect(text(machine.received(.status("PONG"), Self.start)) == [])
        #expect(machine.missing == nil)
    }

    @Test func aWrongPasswordIsTriedAgainAfterAPause() {
        _ = connect(user: nil, password: "p")
        #expect(text(machine.received(.error("WRONGPASS invalid"), Self.start)) == ["close"])
        #expect(machine.missing == "WRONGPASS invalid")
        #expect(text(machine.tick(Self.start + .milliseconds(50))) == ["connect"])
    }

    @Test func thePasswordIsNotInTheReason() {
        _ = connect(user: nil, password: "hush")
        let error = "ERR unknown command 'AUTH', with args beginning with: 'hush' "
        #expect(text(machine.received(.error(error), Self.start)) == ["close"])
        #expect(machine.missing == "ERR unknown command 'AUTH'")
    }

    @Test func answersInOrder() {
        makeReady()
        #expect(text(machine.submit(command, waiter: 1, Self.start)) == ["write"])
        #expect(text(machine.submit(command, waiter: 2, Self.start)) == ["write"])
        #expect(text(machine.received(.status("a"), Self.start)) == ["1: a"])
        #expect(text(machine.received(.error("ERR"), Self.start)) == ["2: error reply, answered"])
    }

    @Test func refusesAtOnceWhileRedisIsAway() {
        _ = machine.start()
        #expect(
            text(machine.submit(command, waiter: 1, Self.start)) == ["1: not connected, notExecuted"])
    }

    @Test func refusesAboveItsBounds() {
        makeReady()
        _ = machine.submit(command, waiter: 1, Self.start)
        #expect(
            text(machine.submit(ByteBuffer(repeating: 0, count: 16), waiter: 2, Self.start))
                == ["2: queue full, notExecuted"])
        _ = machine.submit(command, waiter: 3, Self.start)
        #expect(text(machine.submit(ByteBuffer(), waiter: 4, Self.start)) == ["4: queue full, notExecuted"])
        _ = machine.received(.status("a"), Self.start)
        #expect(text(machine.submit(command, waiter: 5, Self.start)) == ["write"])
    }

    @Test func aLateReplyEndsTheConnection() {
        makeReady()
        _ = machine.submit(command, waiter: 1, Self.start)
        _ = machine.submit(command, waiter: 2, Self.start + .seconds(1))
        #expect(machine.nextWakeUp == Self.start + .seconds(2))
        #expect(text(machine.tick(Self.start + .milliseconds(1999))) == [])
        #expect(
            text(machine.tick(Self.start + .seconds(2)))
                == ["close", "1: timed out, unknown", "2: timed out, unknown"])
        #expect(machine.missing == "no reply in time")
    }

    @Test func comesBackAfterGrowingPauses() {
        makeReady()
        _ = machine.submit(command, waiter: 1, Self.start)
        #expect(text(machine.closed("gone", Self.start)) == ["1: connection lost, unknown"])
        var now = Self.start
        for pause in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            now = now + .milliseconds(Int64(pause))
            #expect(machine.nextWakeUp == now)
            #expect(text(machine.tick(now)) == ["connect"])
            _ = machine.closed("refused", now)
        }
    }

    @Test func isNotReadyWhileRedisLoads() {
        _ = machine.start()
        _ = machine.connected(Self.start)
        #expect(text(machine.received(.error("LOADING"), Self.start)) == ["close"])
        #expect(machine.missing == "LOADING")
    }

    @Test func asksASilentConnectionWhetherItIsAlive() {
        makeReady()
        #expect(machine.nextWakeUp == Self.start + .seconds(5))
        #expect(text(machine.tick(Self.start + .seconds(5))) == ["ping"])
        #expect(text(machine.tick(Self.start + .seconds(7))) == ["close"])
    }

    @Test func aReplyThatAnswersNothingEndsTheConnection() {
        makeReady()
        #expect(text(machine.received(.integer(1), Self.start)) == ["close"])
    }

    @Test func stopFailsWhatWaits() {
        makeReady()
        _ = machine.submit(command, waiter: 1, Self.start)
        #expect(text(machine.stop()) == ["close", "1: connection lost, unknown"])
        _ = machine.closed("late", Self.start)
        #expect(machine.nextWakeUp == nil)
    }
}
