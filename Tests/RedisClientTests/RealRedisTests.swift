import Foundation
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Testing

private let port = ProcessInfo.processInfo.environment["REDIS_TEST_PORT"].flatMap(Int.init)

/// Needs a redis-server: `REDIS_TEST_PORT` names its port on the loopback address.
@Suite(.enabled(if: port != nil)) struct RealRedisTests {
    private let configuration = RedisConfiguration(host: "127.0.0.1", port: port ?? 0)
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Runs `body` with a client that is connected.
    private func withClient(_ body: (RedisClient) async throws -> Void) async throws {
        let client = RedisClient(configuration, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            while client.missing != nil { try await Task.sleep(for: .milliseconds(5)) }
            try await body(client)
            group.cancelAll()
        }
    }

    @Test func runsCommandsAndScripts() async throws {
        try await withClient { client in
            let key = "test:\(UUID())"
            let value = ByteBuffer(bytes: [0, 13, 10, 255])
            #expect(try await client.send(["SET", .text(key), .bytes(value), "EX", "60"]) == .status("OK"))
            #expect(try await client.send(["GET", .text(key)]) == .string(value))
            let sum = try await client.evaluate(
                "return {KEYS[1], ARGV[1] + 1}", keys: [key], arguments: ["2"])
            #expect(sum == .array([.string(ByteBuffer(string: key)), .integer(3)]))
            await #expect(throws: RedisError.self) { try await client.send(["NOSUCH"]) }
            #expect(try await client.send(["DEL", .text(key)]) == .integer(1))
        }
    }

    @Test func pipelinesInOrder() async throws {
        try await withClient { client in
            await withTaskGroup(of: Bool?.self) { group in
                for number in 0..<2000 {
                    group.addTask {
                        try? await client.send(["ECHO", RedisArgument(number)]).text == String(number)
                    }
                }
                for await isRight in group { #expect(isRight == true) }
            }
        }
    }

    @Test func deliversAndSubscribesAgainWhenTheConnectionIsKilled() async throws {
        let (events, sink) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingOldest(100))
        let channel = "test:\(UUID())"
        let subscriber = RedisSubscriber(
            configuration, eventLoop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger
        ) { event in
            switch event {
            case .subscribed: sink.yield("subscribed")
            case .message(_, let payload): sink.yield(String(buffer: payload))
            }
        }
        try await withClient { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await subscriber.run() }
                subscriber.subscribe(channel)
                var seen = events.makeAsyncIterator()
                #expect(await seen.next() == "subscribed")
                _ = try await client.send(["PUBLISH", .text(channel), "one"])
                #expect(await seen.next() == "one")
                _ = try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                #expect(await seen.next() == "subscribed")
                _ = try await client.send(["PUBLISH", .text(channel), "two"])
                #expect(await seen.next() == "two")
                group.cancelAll()
            }
        }
    }
}
