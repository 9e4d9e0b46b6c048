import Foundation
import Testing

@testable import Telemetry

/// Keeps the table of docs/metrics.md and the catalogue equal.
///
/// After a change of metrics run the tests once with `UPDATE_DOCS=1` in the environment: it writes the table anew.
@Suite struct DocumentedMetricsTests {
    private static let startMark = "<!-- metrics: written by DocumentedMetricsTests -->\n"
    private static let endMark = "<!-- end of metrics -->"

    private static var table: String {
        let rows = Metric.allCases.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            let isOfAll = metric.processes == Metric.Process.allCases
            let processes = isOfAll ? "all" : metric.processes.map(\.rawValue).joined(separator: ", ")
            return "| `\(metric.name)` | \(metric.type) | \(labels) | \(processes) | \(metric.help) |\n"
        }
        return "| metric | type | labels | process | meaning |\n|---|---|---|---|---|\n" + rows.joined()
    }

    @Test func theTableHasEveryMetric() throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/metrics.md")
        let page = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(page.range(of: Self.startMark))
        let end = try #require(page.range(of: Self.endMark))
        let wanted = page[..<start.upperBound] + Self.table + page[end.lowerBound...]
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try String(wanted).write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(
                page == wanted, "docs/metrics.md and the metrics differ; run the tests with UPDATE_DOCS=1")
        }
    }
}
