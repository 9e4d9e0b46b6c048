import NIOCore
import NIOPosix
import Synchronization

/// A listening socket and the connections that have come in by it.
final class Listener: Sendable {
    private struct State {
        var channel: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var refused = 0
        var isStopped = false
    }

    private let group: any EventLoopGroup
    private let maxConnections: Int
    private let bufferLimit: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - maxConnections: further ones are closed at once, and counted.
    ///   - bufferLimit: bytes above which a channel is not writable.
    init(group: any EventLoopGroup, maxConnections: Int, bufferLimit: Int) {
        self.group = group
        self.maxConnections = maxConnections
        self.bufferLimit = bufferLimit
    }

    var refusedConnections: Int { state.withLock { $0.refused } }
    var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Binds and accepts.
    ///
    /// - Parameter setUp: prepares the pipeline of a connection, on its event loop.
    /// - Returns: the port, which differs from the one asked for when that was 0.
    func start(host: String, port: Int, setUp: @escaping @Sendable (any Channel) throws -> Void) async throws
        -> Int
    {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: bufferLimit / 2, high: bufferLimit))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if self.admit(channel) { try setUp(channel) } else { channel.close(promise: nil) }
                }
            }
            .bind(host: host, port: port).get()
        state.withLock { $0.channel = channel }
        return channel.localAddress?.port ?? port
    }

    private func admit(_ channel: any Channel) -> Bool {
        let isWelcome = state.withLock { state in
            guard !state.isStopped, state.connections.count < maxConnections else {
                state.refused += 1
                return false
            }
            state.connections[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isWelcome else { return false }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        return true
    }

    /// Lets nobody in any more; those who are connected stay.
    func stopAccepting() async {
        let channel = state.withLock { state in
            defer { state.channel = nil }
            return state.channel
        }
        try? await channel?.close()
    }

    /// Closes every connection that is left.
    func stop() async {
        await stopAccepting()
        let connections = state.withLock { state in
            state.isStopped = true
            return Array(state.connections.values)
        }
        for connection in connections { try? await connection.close() }
    }
}
