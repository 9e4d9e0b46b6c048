import Foundation
import Logging
import Testing

@testable import Shared

@Suite struct RecentLinesTests {
    @Test func theOldestGoesFirst() {
        let lines = RecentLines(capacity: 3, byteCapacity: 100)
        for number in 1...5 { lines.keep("line \(number)", of: "m\(number)") }
        #expect(lines.all == ["line 3", "line 4", "line 5"])
    }

    @Test func whatIsRepeatedDoesNotDriveOutTheCause() {
        let lines = RecentLines(capacity: 5, messageCapacity: 2, byteCapacity: 1000)
        lines.keep("the cause", of: "lost")
        for number in 1...9 { lines.keep("503 \(number)", of: "request") }
        #expect(lines.all == ["the cause", "503 8", "503 9"])
    }

    @Test func bytesAreBoundedAsWell() {
        let lines = RecentLines(capacity: 50, byteCapacity: 20)
        for letter in ["a", "b", "c"] { lines.keep(String(repeating: letter, count: 8), of: letter) }
        #expect(lines.all == ["bbbbbbbb", "cccccccc"])
        lines.keep(String(repeating: "d", count: 20), of: "d")
        #expect(lines.all == [String(repeating: "d", count: 20)])
    }

    @Test func aLineLongerThanAllIsNotKept() {
        let lines = RecentLines(capacity: 50, byteCapacity: 20)
        lines.keep("short", of: "a")
        lines.keep(String(repeating: "x", count: 21), of: "b")
        #expect(lines.all == ["short"])
    }

    private static func log(
        _ format: any LogFormat, level: Logger.Level = .info, _ body: (Logger) -> Void
    ) throws -> (kept: [String], written: String) {
        var reader = SettingsReader { ["INSTANCE": "i-1"][$0] }
        let json = JSONLogFormat(CommonSettings(from: &reader), process: "edge-ws")
        let lines = RecentLines()
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, capacity: 1 << 16)
        let handler = ProcessLogHandler(
            format, threshold: LogThreshold(level), writer: writer, kept: (lines, json))
        body(Logger(label: "test") { _ in handler })
        writer.close()
        try pipe.fileHandleForWriting.close()
        let written = try pipe.fileHandleForReading.readToEnd() ?? Data()
        return (lines.all, String(decoding: written, as: UTF8.self))
    }

    private static func json() -> JSONLogFormat {
        var reader = SettingsReader { ["INSTANCE": "i-1"][$0] }
        return JSONLogFormat(CommonSettings(from: &reader), process: "edge-ws")
    }

    @Test func warningsAndErrorsAreKeptAsTheyStandInTheLog() throws {
        let (kept, written) = try Self.log(Self.json()) { logger in
            logger.info("not kept")
            logger.warning("kept", metadata: ["a": "\"1\""])
            logger.critical("kept too")
        }
        #expect(kept == written.split(separator: "\n").dropFirst().map(String.init))
        #expect(kept.count == 2)
    }

    @Test func whatIsNotLoggedIsNotKept() throws {
        let (kept, _) = try Self.log(Self.json(), level: .error) { $0.warning("below the level") }
        #expect(kept.isEmpty)
    }

    @Test func atATerminalTheyAreJSONNevertheless() throws {
        let (kept, written) = try Self.log(TerminalLogFormat(isColoured: false)) {
            $0.error("kept", metadata: ["a": "1"])
        }
        #expect(written.hasSuffix(" ERROR    kept a=1\n"))
        let first = try #require(kept.first)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: String])
        #expect(object["message"] == "kept" && object["a"] == "1" && object["instance"] == "i-1")
    }
}
