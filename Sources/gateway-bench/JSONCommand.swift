import ArgumentParser
import Foundation
import NIOCore
import Operations
import RawJSON
import Shared

/// What becomes of the bytes of a body on their way: checked by the edge, copied into a frame, found again by the bridge.
struct JSONCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "json",
        abstract: "JSON on the way of a request, in GB/s of body for one core's time.",
        discussion: """
            check: the edge's check of a body. splice: the frame around it. both: one after the other. read: what the \
            other side of the socket does with that frame. cards: the edge's search for card data.
            """)

    private static let target = 1.0

    @Option(help: "Seconds of each of the five rounds of a figure.") var seconds = 0.1
    @OptionGroup var report: ReportOptions

    struct Figures: Encodable {
        let document: String
        let bytes: Int
        /// Each in GB/s.
        let memcpy: Double
        let foundation: Double
        let check: Double
        let splice: Double
        let both: Double
        let read: Double
        let cards: Double
    }

    struct Results: Encodable {
        let machine: Machine
        let documents: [Figures]
    }

    func run() throws {
        let machine = Machine()
        say(machine.text)
        var table = Table([
            "GB/s", "bytes", "memcpy", "Foundation", "check", "splice", "both", "read", "cards",
            "both/memcpy", "check/Foundation",
        ])
        let figures = try Document.all.map(measure)
        for figure in figures {
            let rates = [
                figure.memcpy, figure.foundation, figure.check, figure.splice, figure.both, figure.read,
                figure.cards,
            ]
            table.add(
                [figure.document, String(figure.bytes)] + rates.map { fixed($0, 2) }
                    + [fixed(figure.both / figure.memcpy, 3), fixed(figure.check / figure.foundation, 1)])
        }
        say(table.text)
        let slowest = figures.map(\.both).min() ?? 0
        let verdict = verdict(slowest, least: Self.target, "GB/s")
        say("slowest check and splice: \(fixed(slowest, 2)) GB/s; \(verdict)")
        try report.write(Results(machine: machine, documents: figures))
    }

    private func measure(_ document: Document) throws -> Figures {
        let body = ByteBuffer(string: document.text)
        let data = Data(document.text.utf8)
        let repetition = Repetition(seconds: seconds)
        func rate(_ work: () throws -> Int) rethrows -> Double {
            try repetition.perSecond(work) * Double(body.readableBytes) / 1e9
        }
        var copy = ByteBuffer()
        var frame = ByteBuffer()
        func splice(_ body: ByteBuffer) -> Int {
            frame.clear()
            return BridgeMessage.request(.sample(body)).write(into: &frame)
        }
        _ = splice(body)
        let payload = frame.getSlice(at: 4, length: frame.readableBytes - 4) ?? ByteBuffer()
        return Figures(
            document: document.name, bytes: body.readableBytes,
            memcpy: rate {
                copy.clear()
                return copy.writeImmutableBuffer(body)
            },
            foundation: try rate {
                (try JSONSerialization.jsonObject(with: data) as? [String: Any])?.count ?? 0
            },
            check: try rate { try RequestRules.body(body, maxDepth: RawJSON.defaultMaxDepth).readableBytes },
            splice: rate { splice(body) },
            both: try rate { splice(try RequestRules.body(body, maxDepth: RawJSON.defaultMaxDepth)) },
            read: try rate { try BridgeMessage(frame: payload).bodyBytes },
            cards: rate { CardData.findings(in: body).count })
    }
}

extension BridgeRequest {
    /// As an edge makes it for a payment.
    static func sample(_ body: ByteBuffer) -> BridgeRequest {
        BridgeRequest(
            topic: "vy-finance-payments.payment-intents.create", key: "user-8841",
            headers: [(name: "x-request-id", value: "7f3c1b52-3f0a-4d0e-9f4d-2f6f6a5f7a10")], body: body,
            timeout: .seconds(10), keepsReply: true)
    }
}

extension BridgeMessage {
    /// Bytes of the body that came in a request or in a reply.
    var bodyBytes: Int {
        switch self {
        case .request(let request): request.body.readableBytes
        case .reply(_, _, .body(let body)): body.readableBytes
        default: 0
        }
    }
}
