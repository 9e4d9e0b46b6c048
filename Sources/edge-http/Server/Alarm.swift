import NIOCore

/// Calls once at a deadline that mostly moves on before it is reached: a call that comes too early finds the deadline of
/// then. For use on one event loop.
struct Alarm {
    private var next: (at: NIODeadline, task: Scheduled<Void>)?

    /// Sees to it that `call` is called at `deadline` or before it.
    mutating func set(_ deadline: NIODeadline, on eventLoop: any EventLoop, _ call: @escaping () -> Void) {
        guard next.map({ deadline < $0.at }) ?? true else { return }
        next?.task.cancel()
        next = (deadline, eventLoop.assumeIsolated().scheduleTask(deadline: deadline, call))
    }

    /// To be told at the begin of a call.
    mutating func rang() { next = nil }

    mutating func cancel() {
        next?.task.cancel()
        next = nil
    }
}
