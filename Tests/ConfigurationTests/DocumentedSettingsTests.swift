import Foundation
import Shared
import Testing

@testable import bridge_kafka
@testable import edge_http
@testable import edge_ws

/// Keeps `.env-example`, the table in README and the settings structs equal.
///
/// After a change of settings run the tests once with `UPDATE_DOCS=1` in the environment: it writes both files anew.
@Suite struct DocumentedSettingsTests {
    private struct Entry {
        let setting: SettingsReader.Setting
        var processes: [String]
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let startMark = "<!-- settings: written by DocumentedSettingsTests -->"
    private static let endMark = "<!-- end of settings -->"

    /// Every setting of every process with its defaults, the common ones first, each once.
    private static func entries() -> [Entry] {
        var entries: [Entry] = []
        func add(_ process: String, _ read: (inout SettingsReader) -> Void) {
            var reader = SettingsReader(value: { _ in nil }, readFile: { _ in "" })
            read(&reader)
            for setting in reader.settings {
                if let index = entries.firstIndex(where: { $0.setting.name == setting.name }) {
                    #expect(entries[index].setting == setting, "\(setting.name) means two things")
                    entries[index].processes.append(process)
                } else {
                    entries.append(Entry(setting: setting, processes: [process]))
                }
            }
        }
        add("all") { _ = CommonSettings(from: &$0) }
        add(EdgeHTTPSettings.process) { _ = EdgeHTTPSettings(from: &$0) }
        add(EdgeWSSettings.process) { _ = EdgeWSSettings(from: &$0) }
        add(BridgeKafkaSettings.process) { _ = BridgeKafkaSettings(from: &$0) }
        return entries
    }

    private static func check(_ file: String, _ expected: (String) throws -> String) throws {
        let url = root.appending(path: file)
        let actual = try String(contentsOf: url, encoding: .utf8)
        let wanted = try expected(actual)
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try wanted.write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(actual == wanted, "\(file) and the settings differ; run the tests with UPDATE_DOCS=1")
        }
    }

    @Test func theExampleFileNamesEverySettingWithItsDefault() throws {
        try Self.check(".env-example") { _ in
            "# Every setting of vy-gateway with its default. Copy to .env; variables of the environment win.\n"
                + "# A secret NAME may also be given as NAME_FILE, the path of a file that holds it.\n"
                + Self.entries().map { entry in
                    let who = entry.processes.joined(separator: ", ")
                    let line = "\(entry.setting.name)=\(entry.setting.defaultText)"
                    return "\n# \(entry.setting.help) (\(who))\n"
                        + (entry.setting.isPrefix ? "# \(entry.setting.name)…=" : line) + "\n"
                }.joined()
        }
    }

    @Test func theReadmeHasTheSameTable() throws {
        try Self.check("README.md") { readme in
            let start = try #require(readme.range(of: Self.startMark))
            let end = try #require(readme.range(of: Self.endMark))
            let rows = Self.entries().map { entry in
                let value = entry.setting.defaultText.isEmpty ? "" : "`\(entry.setting.defaultText)`"
                let secret = entry.setting.isSecret ? " Secret; also as `\(entry.setting.name)_FILE`." : ""
                let name = entry.setting.name + (entry.setting.isPrefix ? "…" : "")
                return "| `\(name)` | \(entry.processes.joined(separator: ", ")) | \(value) "
                    + "| \(entry.setting.help)\(secret) |"
            }
            let table = ["| variable | process | default | meaning |", "|---|---|---|---|"] + rows
            return readme[..<start.upperBound] + "\n" + table.joined(separator: "\n") + "\n"
                + readme[end.lowerBound...]
        }
    }

    @Test func theExampleFileIsAValidEnvironmentFile() throws {
        let text = try String(contentsOf: Self.root.appending(path: ".env-example"), encoding: .utf8)
        let (values, mistakes) = EnvironmentFile.parse(text)
        #expect(mistakes.isEmpty)
        let names = Self.entries().map(\.setting).filter { !$0.isPrefix }.map(\.name)
        #expect(Set(values.keys) == Set(names))
        var reader = SettingsReader { values[$0] }
        _ = CommonSettings(from: &reader)
        _ = EdgeWSSettings(from: &reader)
        _ = BridgeKafkaSettings(from: &reader)
        #expect(reader.mistakes.isEmpty)
    }

    @Test(arguments: [
        ("", "/docs"), ("https://api.example/help/", "/help"), ("off", nil), ("OFF", nil),
    ])
    func theDocumentationIsWhereItIsWanted(text: String, path: String?) {
        var reader = SettingsReader(value: { $0 == "SWAGGER_URL" ? text : nil }, readFile: { _ in "" })
        #expect(EdgeHTTPSettings(from: &reader).documentationPath == path)
        #expect(!reader.mistakes.contains { $0.hasPrefix("SWAGGER_URL") })
    }
}
