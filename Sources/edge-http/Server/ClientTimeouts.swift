import Shared

/// How long a client's connection is waited for.
struct ClientTimeouts: Sendable {
    /// From a request's first byte, or from the connection's begin, to the end of its header.
    let header: Duration
    /// From the end of a request's header to the end of its body.
    let body: Duration
    /// Between an answer and the first byte of the next request.
    let idle: Duration
    /// Until a client has taken an answer.
    let answer: Duration
    /// For what a client still sends when it has got the last answer.
    let linger: Duration

    init(
        header: Duration, body: Duration, idle: Duration, answer: Duration, linger: Duration = .seconds(2)
    ) {
        self.header = header
        self.body = body
        self.idle = idle
        self.answer = answer
        self.linger = linger
    }

    init(from reader: inout SettingsReader) {
        func time(_ name: String, _ value: Int, _ help: String, _ reader: inout SettingsReader) -> Duration {
            reader.milliseconds(name, default: value, in: 100...3_600_000, help: help)
        }
        self.init(
            header: time(
                "HTTP_HEADER_TIMEOUT", 10_000,
                "Time (ms) that a client has for a request's header, and a new connection for its first.",
                &reader),
            body: time(
                "HTTP_BODY_TIMEOUT", 30_000, "Time (ms) that a client has for a request's body.", &reader),
            idle: time(
                "HTTP_IDLE_TIMEOUT", 60_000, "Idle time (ms) after which a client's connection is closed.",
                &reader),
            answer: time(
                "HTTP_ANSWER_TIMEOUT", 30_000, "Time (ms) that a client has to take an answer.", &reader))
    }
}
