import NIOCore
import RawJSON
import Testing

@testable import SocketIO

@Suite struct SocketPacketTests {
    private func parse(_ text: String) throws -> SocketPacket { try SocketPacket(ByteBuffer(string: text)) }

    private func value(_ text: String, _ kind: JSONKind) -> JSONValue {
        JSONValue(text: ByteBuffer(string: text), kind: kind)
    }

    @Test func readsConnects() throws {
        #expect(try parse("0") == .connect(namespace: "/", auth: nil))
        #expect(try parse("0/custom,") == .connect(namespace: "/custom", auth: nil))
        #expect(try parse("0/custom") == .connect(namespace: "/custom", auth: nil))
        #expect(
            try parse("0{\"token\":\"123\"}")
                == .connect(namespace: "/", auth: ByteBuffer(string: "{\"token\":\"123\"}")))
    }

    @Test func readsEventsAcksAndDisconnects() throws {
        #expect(
            try parse("2/n,12[\"e\",{\"b\":1,\"a\":/*]".replacing("/*", with: "2}"))
                == .event(
                    namespace: "/n", id: 12,
                    arguments: [value("\"e\"", .string), value("{\"b\":1,\"a\":2}", .object)],
                    attachments: 0))
        #expect(
            try parse("37[true]")
                == .ack(namespace: "/", id: 7, arguments: [value("true", .bool)], attachments: 0))
        #expect(try parse("1/n,") == .disconnect(namespace: "/n"))
        #expect(
            try parse("51-/n,[\"e\",{\"_placeholder\":true,\"num\":0}]")
                == .event(
                    namespace: "/n", id: nil,
                    arguments: [
                        value("\"e\"", .string), value("{\"_placeholder\":true,\"num\":0}", .object),
                    ], attachments: 1))
    }

    @Test(arguments: [
        "", "abc", "7", "0[]", "0\"a\"", "1{}", "2", "2{}", "2abc[]", "2[]", "2[null]", "2[\"connect\"]",
        "2[\"disconnecting\"]", "3[1]", "31{}", "5[\"e\"]", "5-[\"e\"]", "511-[\"e\"]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":1}]", "51-[\"e\",{\"_placeholder\":true,\"num\":-1}]",
        "51-[\"e\",[{\"a\":{\"_placeholder\":true}}]]", "2[\"e\"] x", "299999999999999999999[\"e\"]",
    ])
    func refusesWhatBreaksTheProtocol(_ text: String) {
        #expect(throws: SocketPacket.ParseError.self) { try parse(text) }
    }

    @Test func writesExactlyWhatTheSuitesCompare() {
        #expect(String(buffer: SocketPacketWriter.connected("/", socketID: "x")) == "0{\"sid\":\"x\"}")
        #expect(
            String(buffer: SocketPacketWriter.connected("/custom", socketID: "x"))
                == "0/custom,{\"sid\":\"x\"}")
        #expect(
            String(
                buffer: SocketPacketWriter.connectError(
                    "/random", message: "Invalid namespace", data: nil))
                == "4/random,{\"message\":\"Invalid namespace\"}")
        #expect(
            String(
                buffer: SocketPacketWriter.connectError(
                    "/n", message: "no", data: ByteBuffer(string: "{\"a\":1}")))
                == "4/n,{\"message\":\"no\",\"data\":{\"a\":1}}")
        #expect(
            String(
                buffer: SocketPacketWriter.event(
                    "/", name: "message-back", arguments: [ByteBuffer(string: "{\"url\":\"a/b\"}")],
                    attachments: 0)) == "2[\"message-back\",{\"url\":\"a/b\"}]")
        #expect(
            String(
                buffer: SocketPacketWriter.ack(
                    "/", id: 789, arguments: [ByteBuffer(string: "1"), ByteBuffer(string: "\"2\"")],
                    attachments: 2)) == "62-789[1,\"2\"]")
        #expect(String(buffer: SocketPacketWriter.disconnect("/n")) == "1/n,")
    }
}
