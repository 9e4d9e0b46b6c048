import DequeModule

/// What waits for a client that is being told what it has missed: that, and behind it what has come meanwhile. It leaves in
/// portions, so that a client does not pass for a slow one by what was sent to others while it was away.
struct Backlog {
    private var packets: Deque<(packet: EnginePacket, isMissed: Bool)> = []
    /// Bytes of what the client has missed, and of what has come meanwhile.
    private(set) var missedBytes = 0
    private(set) var liveBytes = 0

    var isEmpty: Bool { packets.isEmpty }

    mutating func append(_ added: [EnginePacket], isMissed: Bool) {
        for packet in added {
            packets.append((packet, isMissed))
            count(packet.byteCount, isMissed)
        }
    }

    /// Takes the next packets: as many as have `bytes` together, but one in any case.
    mutating func portion(_ bytes: Int) -> [EnginePacket] {
        var portion: [EnginePacket] = []
        var left = bytes
        while let (packet, isMissed) = packets.first, portion.isEmpty || packet.byteCount <= left {
            packets.removeFirst()
            count(-packet.byteCount, isMissed)
            left -= packet.byteCount
            portion.append(packet)
        }
        return portion
    }

    private mutating func count(_ bytes: Int, _ isMissed: Bool) {
        if isMissed { missedBytes += bytes } else { liveBytes += bytes }
    }
}
