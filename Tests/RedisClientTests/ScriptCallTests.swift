import NIOCore
import Testing

@testable import RedisClient

/// How a ``CommandMachine`` names scripts, and what it does when Redis does not know them.
@Suite final class ScriptCallTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let unknown = RESPValue.error("NOSCRIPT No matching script. Please use EVAL.")
    private var machine: CommandMachine<Int>
    private let one = RedisScript("return 1")
    private let two = RedisScript("return 2")

    init() {
        var configuration = RedisConfiguration(host: "h", port: 1)
        configuration.maxPending = 4
        machine = CommandMachine(configuration, random: { 1 })
        _ = machine.start()
        connect()
    }

    private func connect() {
        _ = machine.connected(Self.start)
        _ = machine.received(.status("PONG"), Self.start)
    }

    private func submit(_ script: RedisScript?, _ number: Int, after seconds: Int64 = 0) throws -> [String] {
        let command =
            script.map { RedisCommand($0, keys: [], arguments: [RedisArgument(number)]) }
            ?? RedisCommand(["ECHO", RedisArgument(number)])
        return try text(machine.submit(command, waiter: number, Self.start + .seconds(seconds)))
    }

    private func received(_ value: RESPValue) throws -> [String] {
        try text(machine.received(value, Self.start))
    }

    /// Words that are written, with digests in short; and outputs.
    private func text(_ actions: [RedisAction<CommandMachine<Int>.Output>]) throws -> [String] {
        try actions.map { action in
            switch action {
            case .connect: return "connect"
            case .close: return "close"
            case .write(let bytes):
                let reader = try RESPReader(maxReplyBytes: 1000, maxElements: 10)
                try reader.feed(bytes)
                let words = try reader.next()?.items?.compactMap(\.text) ?? []
                return words.joined(separator: " ")
                    .replacing(one.digest, with: "#1").replacing(two.digest, with: "#2")
            case .output(let output):
                switch output.result {
                case .success(let value): return "\(output.waiter): \(value.text ?? "?")"
                case .failure(let error): return "\(output.waiter): \(error.code.rawValue), \(error.outcome)"
                }
            }
        }
    }

    @Test func theDigestIsTheOneOfRedis() {
        #expect(one.digest == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }

    @Test func theTextGoesOnceForEachConnection() throws {
        #expect(try submit(one, 1) == ["EVAL return 1 0 1"])
        #expect(try submit(one, 2) == ["EVALSHA #1 0 2"])
        #expect(try submit(two, 3) == ["EVAL return 2 0 3"])
        _ = machine.closed("gone", Self.start)
        _ = machine.tick(Self.start + .milliseconds(50))
        connect()
        #expect(try submit(one, 4) == ["EVAL return 1 0 4"])
    }

    @Test func whatRedisHasForgottenGoesAgainBeforeWhatCameLater() throws {
        _ = try submit(one, 1)
        _ = try received(.status("a"))
        _ = try submit(one, 2)
        _ = try submit(nil, 3)
        _ = try submit(one, 4)
        #expect(try received(Self.unknown) == [])
        #expect(try submit(one, 5) == [])
        #expect(try received(.status("b")) == ["3: b"])
        #expect(try submit(nil, 6) == [])
        #expect(machine.pendingCount == 4)
        #expect(
            try received(Self.unknown) == ["EVAL return 1 0 2", "EVALSHA #1 0 4", "EVALSHA #1 0 5", "ECHO 6"])
        for (number, value) in zip([2, 4, 5, 6], ["c", "d", "e", "f"]) {
            #expect(try received(.status(value)) == ["\(number): \(value)"])
        }
        #expect(machine.pendingCount == 0 && machine.pendingBytes == 0)
    }

    @Test func whatWasNotRunIsSafeToSendAgainWhenTheConnectionIsLost() throws {
        _ = try submit(one, 1)
        _ = try received(.status("a"))
        _ = try submit(one, 2)
        _ = try submit(one, 3)
        _ = try received(Self.unknown)
        _ = try submit(one, 4)
        #expect(
            try text(machine.closed("gone", Self.start)) == [
                "2: connection lost, notExecuted", "3: connection lost, unknown",
                "4: connection lost, notExecuted",
            ])
        #expect(machine.pendingCount == 0 && machine.pendingBytes == 0)
    }

    @Test func theDeadlineIsThatOfTheFirstAttempt() throws {
        _ = try submit(one, 1)
        _ = try received(.status("a"))
        _ = try submit(one, 2)
        _ = try submit(nil, 3, after: 1)
        _ = try received(Self.unknown)
        #expect(machine.nextWakeUp == Self.start + .seconds(2))
        #expect(
            try text(machine.tick(Self.start + .seconds(2)))
                == ["close", "2: timed out, notExecuted", "3: timed out, unknown"])
    }

    /// A text that is not known either is nothing that another attempt would mend.
    @Test func theTextIsSentOnlyOnce() throws {
        _ = try submit(one, 1)
        #expect(try received(Self.unknown) == ["1: error reply, answered"])
    }

    @Test func asManyMayWaitAsElse() throws {
        _ = try submit(one, 1)
        _ = try received(.status("a"))
        for number in 2...3 { _ = try submit(one, number) }
        _ = try received(Self.unknown)
        for number in 4...5 { #expect(try submit(one, number) == []) }
        #expect(try submit(one, 6) == ["6: queue full, notExecuted"])
    }
}
