import NIOCore

/// Which addresses the peers have. Does no I/O: it says which names are to be looked up, and is told what came of it.
struct PeerAddresses {
    /// Why a name has no address.
    enum Failure: Error, Equatable {
        /// There is no such name, or it has no address.
        case noSuchName
        /// Nobody knows: the last addresses stay.
        case unknown(reason: String)
    }

    /// One admin port to ask.
    struct Target: Hashable, Sendable {
        let address: ConsolePeer
        /// What the setting calls it.
        let peer: ConsolePeer
    }

    struct Targets: Equatable {
        /// Each address once.
        var targets: [Target] = []
        /// How many more there are.
        var leftOut = 0
        var unresolved: [ConsolePeer: String] = [:]
    }

    private struct Entry {
        var addresses: [String] = []
        var failure: String? = "the name is still being looked up"
        var lookedUp: NIODeadline?
        var isUnderWay = false
    }

    /// Names are looked up again after that time.
    static let lifetime = TimeAmount.seconds(5)
    static let mostTargets = 64

    private let peers: [ConsolePeer]
    private var entries: [String: Entry]

    init(_ peers: [ConsolePeer]) {
        self.peers = peers
        entries = Dictionary(
            peers.filter { !$0.isAddress }.map { ($0.host, Entry()) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The names to look up now, each at most once at a time.
    mutating func lookups(at now: NIODeadline) -> [String] {
        var names: [String] = []
        for (name, entry) in entries where !entry.isUnderWay {
            if let lookedUp = entry.lookedUp, now - lookedUp < Self.lifetime { continue }
            entries[name]?.isUnderWay = true
            names.append(name)
        }
        return names.sorted()
    }

    mutating func lookedUp(_ name: String, _ result: Result<[String], Failure>, at now: NIODeadline) {
        guard var entry = entries[name] else { return }
        entry.isUnderWay = false
        entry.lookedUp = now
        switch result {
        case .success(let addresses): (entry.addresses, entry.failure) = (addresses, nil)
        case .failure(.noSuchName): (entry.addresses, entry.failure) = ([], "no such name")
        case .failure(.unknown(let reason)): entry.failure = reason
        }
        entries[name] = entry
    }

    var targets: Targets {
        var all = Targets()
        var known: Set<ConsolePeer> = []
        for peer in peers {
            let entry = entries[peer.host]
            for host in entry.map({ $0.addresses.sorted() }) ?? [peer.host] {
                let address = ConsolePeer(host: host, port: peer.port)
                guard known.insert(address).inserted else { continue }
                if all.targets.count < Self.mostTargets {
                    all.targets.append(Target(address: address, peer: peer))
                } else {
                    all.leftOut += 1
                }
            }
            if let entry, entry.addresses.isEmpty { all.unresolved[peer] = entry.failure ?? "no address" }
        }
        return all
    }
}
