import ArgumentParser
import Foundation

/// The load of the machine before a run began (proc(5)).
struct Machine: Encodable {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let loadBefore: [Double]

    init() {
        let line = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        loadBefore = line.split(separator: " ").prefix(3).compactMap { Double($0) }
    }

    var text: String {
        "load of the machine before: \(loadBefore.map { fixed($0, 2) }.joined(separator: " ")), \(cores) cores"
    }
}

struct ReportOptions: ParsableArguments {
    @Option(help: "File that the results are written to as JSON.") var json: String?

    func write(_ results: some Encodable) throws {
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(results) + Data("\n".utf8)).write(to: URL(fileURLWithPath: json))
    }
}

/// Columns of text; the first one is on the left, figures are on the right.
struct Table {
    private var rows: [[String]]

    init(_ titles: [String]) { rows = [titles] }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// Prints at once, also to a pipe or a file, where `print` keeps lines back.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// A whole number with a comma at each thousand.
func whole(_ value: Double) -> String {
    var text = ""
    for (index, digit) in String(Int(value.rounded())).reversed().enumerated() {
        if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}

/// Whether a figure that should be `least` or more is.
func verdict(_ value: Double, least: Double, _ unit: String) -> String {
    "target >= \(whole(least)) \(unit): \(value >= least ? "met" : "MISSED")"
}
