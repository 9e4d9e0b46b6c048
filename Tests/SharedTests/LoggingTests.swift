import Foundation
import Logging
import Testing

@testable import Shared

@Suite struct LoggingTests {
    private static func settings(_ values: [String: String] = [:]) -> CommonSettings {
        var reader = SettingsReader { values[$0] }
        return CommonSettings(from: &reader)
    }

    /// Runs `body` with a writer into a pipe, and returns what came out of the pipe once the writer was closed.
    private static func output(capacity: Int = 1 << 16, _ body: (LogWriter) -> Void) throws -> String {
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, capacity: capacity)
        body(writer)
        writer.close()
        try pipe.fileHandleForWriting.close()
        return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }

    @Test func aLineIsOneJSONObject() throws {
        let text = try Self.output { writer in
            let handler = ProcessLogHandler(
                JSONLogFormat(
                    Self.settings(["APP": "app", "INSTANCE": "i-1", "CONTEXT": "ctx"]), process: "edge-http"),
                threshold: LogThreshold(.info), writer: writer)
            let logger = Logger(label: "test") { _ in handler }
            logger.warning("a \"quoted\"\nmessage", metadata: ["port": "4040"])
            logger.debug("below the level")
        }
        #expect(text.last == "\n")
        #expect(text.dropLast().contains("\n") == false)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
        var expected = object
        expected["time"] = nil
        #expect(
            expected == [
                "level": "warning", "message": "a \"quoted\"\nmessage", "app": "app", "context": "ctx",
                "process": "edge-http", "instance": "i-1", "port": "4040",
            ])
        #expect(object["time"]?.hasSuffix("Z") == true)
    }

    @Test func metadataIsJSONAsWell() throws {
        let text = try Self.output { writer in
            let handler = ProcessLogHandler(
                JSONLogFormat(Self.settings([:]), process: "edge-http"), threshold: LogThreshold(.info),
                writer: writer)
            Logger(label: "test") { _ in handler }.info(
                "summary",
                metadata: [
                    "refused": ["b": "1", "a": ["x", .stringConvertible(2)]], "none": .dictionary([:]),
                    "empty": .array([]), "ms": .stringConvertible(7.25),
                    "nan": .stringConvertible(Double.nan),
                ])
        }
        #expect(
            text.hasSuffix(
                #","empty":[],"ms":7.25,"nan":"nan","none":{},"refused":{"a":["x",2],"b":"1"}}"# + "\n"))
    }

    @Test func atATerminalAnEntryIsALineForAPerson() throws {
        let text = try Self.output { writer in
            let handler = ProcessLogHandler(
                TerminalLogFormat(isColoured: false), threshold: LogThreshold(.info), writer: writer)
            Logger(label: "test") { _ in handler }.warning("a message", metadata: ["port": "4040", "b": "1"])
        }
        #expect(text.dropFirst(12) == " WARNING  a message b=1 port=4040\n")
        #expect(text.prefix(12).filter { $0 == ":" }.count == 2)
    }

    @Test func coloursAreForTheLevelAndTheFieldsAndNobodyElseHasControl() throws {
        let text = try Self.output { writer in
            let handler = ProcessLogHandler(
                TerminalLogFormat(isColoured: true), threshold: LogThreshold(.info), writer: writer)
            Logger(label: "test") { _ in handler }.error("a\u{1B}[2Jb\nc", metadata: ["x": "\u{9B}2J"])
        }
        #expect(
            text.dropFirst(12)
                == " \u{1B}[31mERROR\u{1B}[0m    a\\u{1B}[2Jb\\nc\u{1B}[2m x=\\u{009B}2J\u{1B}[0m\n")
    }

    @Test(arguments: [true, false])
    func linesAreCountedInEitherFormat(_ isJSON: Bool) throws {
        func warnings() -> Int { LogFigures.lines.first { $0.level == "warning" }?.count ?? 0 }
        let before = warnings()
        _ = try Self.output { writer in
            let format: any LogFormat =
                isJSON
                ? JSONLogFormat(Self.settings(), process: "edge-http") : TerminalLogFormat(isColoured: true)
            let handler = ProcessLogHandler(format, threshold: LogThreshold(.info), writer: writer)
            let logger = Logger(label: "test") { _ in handler }
            for _ in 0..<1000 { logger.warning("counted") }
        }
        // Other tests may log as well.
        #expect(warnings() >= before + 1000)
    }

    @Test func theLevelChangesForAllLoggersThatHaveNoneOfTheirOwn() throws {
        let threshold = LogThreshold(.warning)
        let text = try Self.output { writer in
            let handler = ProcessLogHandler(
                JSONLogFormat(Self.settings(), process: "edge-http"), threshold: threshold, writer: writer)
            let logger = Logger(label: "test") { _ in handler }
            var quiet = logger
            quiet.logLevel = .error
            #expect(threshold.toggle() == .debug)
            logger.debug("told")
            quiet.warning("not told")
            #expect(threshold.toggle() == .warning)
            logger.info("not told either")
        }
        #expect(text.contains("\"told\""))
        #expect(text.filter { $0 == "\n" }.count == 1)
    }

    @Test func whoLogsMoreThanDebugStaysThere() {
        let threshold = LogThreshold(.trace)
        #expect(threshold.toggle() == .trace)
    }

    @Test func aFullQueueDropsAndSaysHowMany() throws {
        let text = try Self.output(capacity: 10) { writer in
            for _ in 0..<3 { writer.write(String(repeating: "x", count: 20)) }
            writer.write("ok")
        }
        #expect(text.contains("ok\n"))
        #expect(text.contains("\"message\":\"log lines dropped\",\"count\":3"))
    }

    @Test func timestampsAreRFC3339() {
        #expect(Timestamp.text(seconds: 0, milliseconds: 7) == "1970-01-01T00:00:00.007Z")
        #expect(Timestamp.text(seconds: 951_782_400, milliseconds: 999) == "2000-02-29T00:00:00.999Z")
    }
}
