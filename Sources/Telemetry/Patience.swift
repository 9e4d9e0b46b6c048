package import NIOCore

extension EventLoop {
    /// What the future brings, or after `time` what `instead` gives: whoever does not answer must not hold up the others.
    package func within<Value: Sendable>(
        _ time: TimeAmount, _ future: EventLoopFuture<Value>,
        else instead: @escaping @Sendable () throws -> Value
    ) -> EventLoopFuture<Value> {
        let result = makePromise(of: Value.self)
        let timer = scheduleTask(in: time) { result.completeWith(Result { try instead() }) }
        future.whenComplete {
            timer.cancel()
            result.completeWith($0)
        }
        return result.futureResult
    }
}
