/// The Redis channels on which the official Socket.IO emitter publishes to one namespace.
struct EmitterChannels: Sendable {
    /// Whom the messages of a channel may be for.
    enum Scope: Equatable, Sendable {
        /// Several rooms, or everyone.
        case namespace
        case room(String)
    }

    let namespace: String
    /// For several rooms, and for none.
    let broadcast: String

    /// - Parameter prefix: the option `key` of emitters, `socket.io` unless they are told another.
    init(prefix: String, namespace: String) {
        self.namespace = namespace
        broadcast = "\(prefix)#\(namespace)#"
    }

    /// For that room alone.
    func room(_ room: String) -> String { "\(broadcast)\(room)#" }

    /// Nil when the channel is no emitter's.
    func scope(of channel: String) -> Scope? {
        if channel == broadcast { return .namespace }
        guard channel.hasPrefix(broadcast), channel.hasSuffix("#") else { return nil }
        return .room(String(channel.dropFirst(broadcast.count).dropLast()))
    }
}
