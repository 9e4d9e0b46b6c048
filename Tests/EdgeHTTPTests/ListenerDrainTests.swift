import Glibc
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

@testable import edge_http

@Suite struct ListenerDrainTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func listen() async throws -> any Channel {
        try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func connect(to server: any Channel, _ timeout: TimeAmount = .seconds(5)) async throws
        -> any Channel
    {
        let address = try #require(server.localAddress)
        return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(timeout).connect(to: address).get()
    }

    private func shutDown(_ drain: ListenerDrain) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: drain, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger))
        async let ended: Void = group.run()
        await group.triggerGracefulShutdown()
        try await ended
    }

    @Test func whoConnectsLateIsRefusedInsteadOfReset() async throws {
        let server = try await listen()
        let early = try await connect(to: server)
        try await SYNFilter.attach(to: server)
        let late = Task { try await connect(to: server) }
        try await Task.sleep(for: .milliseconds(100))
        // Who is connected stays so.
        #expect(early.isActive)
        try await server.close()
        let refused = await #expect(throws: IOError.self) { _ = try await late.value }
        #expect(refused?.errnoCode == ECONNREFUSED)
        try await early.close()
    }

    @Test func whoConnectsIntoTheFilterWaits() async throws {
        let server = try await listen()
        try await SYNFilter.attach(to: server)
        await #expect(throws: (any Error).self) { try await connect(to: server, .milliseconds(200)) }
        try await server.close()
    }

    @Test func answersEndTheirConnectionsOnceItDrains() async throws {
        let drain = ListenerDrain(logger: logger)
        let server = try await listen()
        drain.listening(server)
        #expect(!drain.isDraining)
        try await shutDown(drain)
        #expect(drain.isDraining)
        #expect(server.isActive, "the server closes it")
        await #expect(throws: (any Error).self) { try await connect(to: server, .milliseconds(200)) }
        try await server.close()
    }

    @Test func whatHasNoListenerYetIsDrained() async throws {
        let drain = ListenerDrain(logger: logger)
        try await shutDown(drain)
        #expect(drain.isDraining)
    }
}
