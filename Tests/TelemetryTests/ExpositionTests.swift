import CoreMetrics
import Foundation
import Testing

@testable import Telemetry

@Suite struct ExpositionTests {
    private func text(_ registry: MetricRegistry, _ samples: [Sample] = []) -> [String] {
        Exposition.text(of: .edgeWS, counted: registry.snapshot(), samples: samples)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func everyFamilyOfTheProcessIsThereOnceInTheOrderOfTheCatalogue() {
        let lines = text(MetricRegistry())
        let wanted = Metric.allCases.filter { $0.processes.contains(.edgeWS) }
        #expect(
            lines.filter { $0.hasPrefix("# TYPE ") } == wanted.map { "# TYPE \($0.name) \($0.type)" })
        #expect(lines.filter { $0.hasPrefix("# HELP ") }.count == wanted.count)
        #expect(lines.last == "", "the last line ends with a line feed")
    }

    @Test func linesAreSortedByTheirLabels() {
        let registry = MetricRegistry()
        for reason in ["b", "a", "c"] { Counter(.socketRefusals, reason, factory: registry).increment() }
        let lines = text(registry).filter { $0.hasPrefix("vy_gateway_socket_refusals_total") }
        #expect(
            lines == ["a", "b", "c"].map { "vy_gateway_socket_refusals_total{reason=\"\($0)\"} 1" })
    }

    @Test func valuesOfLabelsAreEscaped() {
        let lines = text(MetricRegistry(), [Sample(.socketRefusals, "a\"b\\c\nd", value: 1.5)])
        #expect(lines.contains(#"vy_gateway_socket_refusals_total{reason="a\"b\\c\nd"} 1.5"#))
        #expect(Exposition.escaped("a\"b\\c\nd", quotes: false) == #"a"b\\c\nd"#)
    }

    /// Whatever a value is, it comes back from the text, which stays one line.
    @Test func anyTextComesBack() throws {
        var random = SystemRandomNumberGenerator()
        let letters: [Character] = ["\\", "\"", "\n", "n", "{", "}", "=", ",", " ", "ä", "\u{1F600}", "\r"]
        for _ in 0..<2000 {
            let value = String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    letters[Int.random(in: letters.indices, using: &random)]
                })
            let escaped = Exposition.escaped(value, quotes: true)
            #expect(!escaped.utf8.contains(0x0A))
            #expect(unescaped(escaped) == value)
        }
    }

    /// By the rules of the format; nil for a quote that stands alone.
    private func unescaped(_ text: String) -> String? {
        var result = ""
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            switch scalar {
            case "\"": return nil
            case "\\":
                switch scalars.next() {
                case "n": result += "\n"
                case "\\": result += "\\"
                case "\"": result += "\""
                default: return nil
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    @Test(arguments: [
        (0.0, "0"), (-3, "-3"), (0.00025, "0.00025"), (1.5, "1.5"), (.nan, "NaN"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (123_456_789_012, "123456789012"), (1e300, "1e+300"),
    ]) func numbers(value: Double, text: String) {
        #expect(Exposition.number(value) == text)
    }

    @Test func aHistogramCountsUpToEachBound() {
        let registry = MetricRegistry()
        let timer = Timer(.socketEventDuration, "e", factory: registry)
        for milliseconds in [1, 2, 3, 200_000] as [Int64] {
            timer.recordNanoseconds(milliseconds * 1_000_000)
        }
        let lines = text(registry).filter { $0.hasPrefix("socketio_event_duration_seconds") }
        #expect(lines.first == "socketio_event_duration_seconds_bucket{event=\"e\",le=\"0.001\"} 1")
        #expect(lines[1] == "socketio_event_duration_seconds_bucket{event=\"e\",le=\"0.0025\"} 2")
        #expect(lines[2] == "socketio_event_duration_seconds_bucket{event=\"e\",le=\"0.005\"} 3")
        #expect(
            lines.suffix(4) == [
                "socketio_event_duration_seconds_bucket{event=\"e\",le=\"120\"} 3",
                "socketio_event_duration_seconds_bucket{event=\"e\",le=\"+Inf\"} 4",
                "socketio_event_duration_seconds_sum{event=\"e\"} 200.006",
                "socketio_event_duration_seconds_count{event=\"e\"} 4",
            ])
    }
}
