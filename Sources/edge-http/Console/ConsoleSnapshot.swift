import NIOCore
import RawJSON

/// What one process says of itself at `/report`, checked and otherwise left as it came.
struct PeerReport {
    let json: ByteBuffer
    /// Names this run of the process.
    let run: String
    let process: String
    let instance: String

    /// Nil for anything else.
    init?(_ json: ByteBuffer) {
        guard let members = try? RawJSON.object(json), let run = members["run"]?.string,
            let process = members["process"]?.string, let instance = members["instance"]?.string,
            members["version"]?.kind == .string, members["metrics"]?.kind == .string,
            members["missing"]?.kind == .array, members["stalled"]?.kind == .array,
            members["errors"]?.kind == .array
        else { return nil }
        (self.json, self.run, self.process, self.instance) = (json, run, process, instance)
    }
}

/// What a round came to, as the page reads it.
struct ConsoleSnapshot {
    enum Answer {
        case report(PeerReport)
        /// - Parameter last: which process was last found there.
        case failure(reason: String, last: (process: String, instance: String)?)
    }

    /// Milliseconds since 1970.
    let time: Int64
    /// Of the process that asks.
    let own: ByteBuffer
    let answers: [(target: PeerAddresses.Target, answer: Answer)]
    let unresolved: [ConsolePeer: String]
    let leftOut: Int

    /// A process that is found by several ways is in it once.
    var json: ByteBuffer {
        var json = ByteBuffer(string: "{\"time\":\(time),\"leftOut\":\(leftOut),\"peers\":[{\"report\":")
        json.writeImmutableBuffer(own)
        json.writeStaticString("}")
        var runs = Set([PeerReport(own)?.run].compactMap { $0 })
        for (target, answer) in answers {
            switch answer {
            case .report(let report):
                guard runs.insert(report.run).inserted else { continue }
                json.writeStaticString(",{\"report\":")
                json.writeImmutableBuffer(report.json)
            case .failure(let reason, let last):
                json.writeStaticString(",{\"failure\":")
                json.writeJSONString(reason)
                if let last {
                    json.writeStaticString(",\"last\":{\"process\":")
                    json.writeJSONString(last.process)
                    json.writeStaticString(",\"instance\":")
                    json.writeJSONString(last.instance)
                    json.writeStaticString("}")
                }
            }
            json.writeStaticString(",\"address\":")
            json.writeJSONString(target.address.text)
            json.writeStaticString(",\"peer\":")
            json.writeJSONString(target.peer.text)
            json.writeStaticString("}")
        }
        for (peer, reason) in unresolved.sorted(by: { $0.key.text < $1.key.text }) {
            json.writeStaticString(",{\"failure\":")
            json.writeJSONString(reason)
            json.writeStaticString(",\"peer\":")
            json.writeJSONString(peer.text)
            json.writeStaticString("}")
        }
        json.writeStaticString("]}")
        return json
    }
}
