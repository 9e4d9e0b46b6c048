import Logging
import Shared
import Synchronization

/// Reads the reply partitions of bridges whose edges have come here, as long as replies may still come there: what went
/// through one bridge is answered through another.
final class ReplyStandIns: Sendable {
    /// Begins to read one partition from where replies may be that nobody has read.
    ///
    /// - Returns: what ends that.
    typealias Open = @Sendable (_ number: Int32) async throws -> Close
    typealias Close = @Sendable () async -> Void

    /// Bridges that are stood in for at once; further ones are logged and passed over.
    private static let most = 64

    private let lasting: Duration
    private let logger: Logger
    private let sources: AsyncStream<ReplySource>
    private let found: AsyncStream<ReplySource>.Continuation
    private let ends = Mutex<[ReplySource: ContinuousClock.Instant]>([:])

    /// - Parameter lasting: the longest time that a reply may take.
    init(lasting: Duration, logger: Logger) {
        self.lasting = lasting
        self.logger = logger
        (sources, found) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.most))
    }

    func add(_ source: ReplySource) {
        let end = ContinuousClock.now + lasting
        let isNew: Bool? = ends.withLock { ends in
            guard ends[source] != nil || ends.count < Self.most else { return nil }
            return ends.updateValue(end, forKey: source) == nil
        }
        switch isNew {
        case true?: found.yield(source)
        case false?: break
        case nil: logger.warning("too many bridges to stand in for", metadata: ["source": "\(source.text)"])
        }
    }

    func stop() { found.finish() }

    /// Until ``stop()``, after which it ends at once.
    ///
    /// - Parameter number: of a source's partition; nil where it is this bridge's own.
    func run(
        number: @escaping @Sendable (ReplySource) async throws -> Int32?, open: @escaping Open
    ) async {
        await withDiscardingTaskGroup { group in
            for await source in sources {
                group.addTask { await self.standIn(source, number, open) }
            }
            group.cancelAll()
        }
    }

    private func standIn(
        _ source: ReplySource, _ number: @Sendable (ReplySource) async throws -> Int32?, _ open: Open
    ) async {
        // It may be added again while it is closed.
        repeat { await read(source, number, open) } while !forget(source) && !Task.isCancelled
    }

    private func read(
        _ source: ReplySource, _ number: @Sendable (ReplySource) async throws -> Int32?, _ open: Open
    ) async {
        var close: Close?
        var problem: String?
        while !isOver(source), !Task.isCancelled {
            if close == nil {
                do {
                    guard let partition = try await number(source) else {
                        ends.withLock { $0[source] = nil }
                        return
                    }
                    close = try await open(partition)
                    logger.info(
                        "replies of another bridge are read",
                        metadata: ["source": "\(source.text)", "partition": "\(partition)"])
                } catch {
                    if problem != "\(error)" {
                        logger.warning(
                            "replies of another bridge cannot be read yet",
                            metadata: ["source": "\(source.text)", "reason": "\(error)"])
                    }
                    problem = "\(error)"
                }
            }
            try? await Task.sleep(for: .milliseconds(close == nil ? 200 : 1000))
        }
        await close?()
    }

    private func isOver(_ source: ReplySource) -> Bool {
        ends.withLock { Self.isOver($0[source]) }
    }

    /// False where it has been added again; afterwards it may be added anew.
    private func forget(_ source: ReplySource) -> Bool {
        ends.withLock { ends in
            guard Self.isOver(ends[source]) else { return false }
            ends[source] = nil
            return true
        }
    }

    private static func isOver(_ end: ContinuousClock.Instant?) -> Bool { end.map { $0 < .now } ?? true }
}
