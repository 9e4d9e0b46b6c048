import Logging
import Shared
import Testing

private struct NoSuchFile: Error {}

private func reader(_ values: [String: String], files: [String: String] = [:]) -> SettingsReader {
    SettingsReader(
        value: { values[$0] },
        readFile: { path in
            guard let text = files[path] else { throw NoSuchFile() }
            return text
        })
}

@Suite struct SettingsReaderTests {
    @Test func defaultsStandWhereNothingIsSet() {
        var reader = reader(["NAME": ""])
        #expect(reader.string("NAME", default: "x", help: "") == "x")
        #expect(reader.port("PORT", default: 4040, help: "") == 4040)
        #expect(reader.milliseconds("WAIT", default: 1500, in: 0...9999, help: "") == .milliseconds(1500))
        #expect(reader.strings("LIST", default: "[]", help: "").isEmpty)
        #expect(reader.secret("KEY", help: "") == nil)
        #expect(reader.optionalInteger("MAYBE", in: 0...1, help: "") == nil)
        #expect(reader.mistakes.isEmpty)
        #expect(reader.settings.map(\.name) == ["NAME", "PORT", "WAIT", "LIST", "KEY", "MAYBE"])
        #expect(reader.settings[1].defaultText == "4040")
    }

    @Test func everyMistakeIsReportedNotOnlyTheFirst() {
        var reader = reader([
            "PORT": "70000", "COUNT": "many", "LIST": "a,b", "NUMBERS": "[1,\"2\"]", "MODE": "loud",
            "KEY": "a", "KEY_FILE": "/key",
        ])
        _ = reader.port("PORT", default: 1, help: "")
        _ = reader.integer("COUNT", default: 5, in: 1...10, help: "")
        _ = reader.strings("LIST", default: "[]", help: "")
        _ = reader.integers("NUMBERS", default: "[]", help: "")
        #expect(reader.choice("MODE", default: "low", of: ["low": 1, "high": 2], help: "") == 1)
        _ = reader.secret("KEY", help: "")
        #expect(
            reader.mistakes == [
                "PORT: '70000' is not an integer from 0 to 65535",
                "COUNT: 'many' is not an integer from 1 to 10",
                "LIST: 'a,b' is not a JSON array of strings",
                "NUMBERS: '[1,\"2\"]' is not a JSON array of integers",
                "MODE: 'loud' is none of low, high",
                "KEY: set together with KEY_FILE; set one of the two",
                "KEY_FILE: cannot read /key: NoSuchFile()",
            ])
    }

    @Test func aSecretComesFromItsFileAndIsMarked() {
        var reader = reader(["KEY_FILE": "/run/key"], files: ["/run/key": "s3cret\n"])
        #expect(reader.secret("KEY", help: "") == "s3cret")
        #expect(reader.settings[0].isSecret)
        #expect(reader.mistakes.isEmpty)
    }

    @Test func listsAndChoices() {
        var reader = reader(["LIST": #"["https://a.example", "b"]"#, "MODE": "HIGH"])
        #expect(reader.strings("LIST", default: "[]", help: "") == ["https://a.example", "b"])
        #expect(reader.choice("MODE", default: "low", of: ["low": 1, "high": 2], help: "") == 2)
    }
}

@Suite struct CommonSettingsTests {
    @Test(arguments: [
        ("warn", Logger.Level.warning), ("verbose", .trace), ("log", .info), ("DEBUG", .debug),
        ("error", .error),
    ])
    func npmLevelNames(name: String, level: Logger.Level) {
        var reader = reader(["LOG_STREAM_LEVEL": name])
        #expect(CommonSettings(from: &reader).logLevel == level)
        #expect(reader.mistakes.isEmpty)
    }

    @Test func wrongValuesAreNamed() {
        var reader = reader(["LOG_STREAM_LEVEL": "loud", "NODE_ENV": "prod", "INSTANCE": "a b/c"])
        let settings = CommonSettings(from: &reader)
        #expect(settings.environment == .production)
        #expect(reader.mistakes.count == 3)
        #expect(
            reader.mistakes.contains(
                "INSTANCE: 'a b/c' must be at most 200 of the characters a-z A-Z 0-9 . _ -"))
    }

    @Test func theInstanceIsTheHostWhereNoneIsNamed() {
        var reader = reader([:])
        #expect(!CommonSettings(from: &reader).instance.isEmpty)
    }
}
