import Crypto
import Foundation
import Logging
import RedisClient
import ServiceLifecycle

/// Gives the recovery its key: the one of the settings, else one that the replicas share through Redis, where whoever
/// comes first leaves it.
struct RecoveryKey: Service {
    static let redisKey = "vy:recovery:key"
    static let script = "redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])"

    let secret: String
    let recovery: Recovery
    let commands: RedisClient
    let logger: Logger

    func run() async throws {
        guard recovery.isEnabled else { return await untilShutdown() }
        if !secret.isEmpty {
            recovery.use(SymmetricKey(data: Data(secret.utf8)))
            return await untilShutdown()
        }
        await cancelWhenGracefulShutdown { await share() }
    }

    /// Waits for the key, so that the first clients can recover as well, but no longer than `limit`: Redis may be away.
    static func wait(for recovery: Recovery, limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while recovery.isEnabled, !recovery.hasKey, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }

    /// A service that ends early would end the process.
    private func untilShutdown() async { try? await gracefulShutdown() }

    /// Every second again: a Redis that has lost its data has lost the key, and gets it back from whoever has it before a
    /// replica that starts makes another, by which connections of the others could not be recovered.
    private func share() async {
        var mine = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0).base64EncodedString() }
        var isShared = false
        while !Task.isCancelled {
            if let reply = try? await commands.evaluate(
                Self.script, keys: [Self.redisKey], arguments: [.text(mine)]), let agreed = reply.text
            {
                if !isShared || agreed != mine { recovery.use(SymmetricKey(data: Data(agreed.utf8))) }
                if !isShared { logger.debug("recovery key shared") }
                (mine, isShared) = (agreed, true)
            }
            try? await Task.sleep(for: isShared ? .seconds(1) : .milliseconds(20))
        }
    }
}
