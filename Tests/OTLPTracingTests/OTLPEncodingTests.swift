import Foundation
import NIOCore
import Shared
import Testing
import Tracing

@testable import OTLPTracing

@Suite struct OTLPEncodingTests {
    private let encoding = OTLPEncoding(resource: ["service.name": "edge-\"http\""], version: "1.2.3")

    private func spans(_ spans: [FinishedSpan]) throws -> [[String: Any]] {
        let text = String(buffer: encoding.request(spans))
        let request = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let resource = try #require((request["resourceSpans"] as? [[String: Any]])?.first)
        let attributes = (resource["resource"] as? [String: Any])?["attributes"]
        #expect(
            attributes as? NSArray
                == [["key": "service.name", "value": ["stringValue": "edge-\"http\""]]] as NSArray)
        let scope = try #require((resource["scopeSpans"] as? [[String: Any]])?.first)
        #expect(scope["scope"] as? NSDictionary == ["name": "vy-gateway", "version": "1.2.3"])
        return try #require(scope["spans"] as? [[String: Any]])
    }

    @Test func aSpanHasWhatTheProtocolAsksFor() throws {
        let parent = try #require(
            TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "a=b"))
        let trace = parent.child(.random())
        var span = FinishedSpan(
            name: "POST /pay", kind: .server, trace: trace, parent: parent.spanID,
            start: 1_700_000_000_000_000_001, end: 1_700_000_000_000_000_002)
        span.status = SpanStatus(code: .error, message: "a \"reason\"")
        span.events = [SpanEvent(name: "exception", attributes: ["exception.type": "Broken"])]
        span.links = [(parent, [:])]
        span.attributes["http.response.status_code"] = 503
        let found = try #require(try spans([span]).first)
        #expect(found["traceId"] as? String == "0af7651916cd43dd8448eb211c80319c")
        #expect(found["spanId"] as? String == trace.spanID.description)
        #expect(found["parentSpanId"] as? String == "b7ad6b7169203331")
        #expect(found["traceState"] as? String == "a=b")
        #expect(found["flags"] as? Int == 1)
        #expect(found["kind"] as? Int == 2)
        #expect(found["name"] as? String == "POST /pay")
        #expect(found["startTimeUnixNano"] as? String == "1700000000000000001")
        #expect(found["endTimeUnixNano"] as? String == "1700000000000000002")
        #expect(found["status"] as? NSDictionary == ["code": 2, "message": "a \"reason\""])
        #expect(
            found["attributes"] as? NSArray
                == [["key": "http.response.status_code", "value": ["intValue": "503"]]] as NSArray)
        let event = try #require((found["events"] as? [[String: Any]])?.first)
        #expect(event["name"] as? String == "exception")
        #expect((event["timeUnixNano"] as? String).flatMap { UInt64($0) } != nil)
        let link = try #require((found["links"] as? [[String: Any]])?.first)
        #expect(link["spanId"] as? String == "b7ad6b7169203331")
    }

    @Test func emptyPartsAreLeftOut() throws {
        let found = try spans([SpanBatchesTests.span("a"), SpanBatchesTests.span("b")])
        #expect(found.map { $0["name"] as? String } == ["a", "b"])
        let names: Set = [
            "traceId", "spanId", "flags", "kind", "startTimeUnixNano", "endTimeUnixNano", "name",
        ]
        #expect(found.allSatisfy { Set($0.keys) == names })
    }

    @Test func everyKindOfAttribute() throws {
        var span = SpanBatchesTests.span("a")
        span.attributes = [
            "bool": true, "double": 1.5, "text": "x", "int": 7, "infinite": .double(-.infinity),
            "texts": .stringArray(["a", "b"]), "numbers": .int64Array([1, 2]),
        ]
        let list = try #require(try spans([span]).first?["attributes"] as? [[String: Any]])
        let values = Dictionary(
            uniqueKeysWithValues: list.map { ($0["key"] as? String ?? "", $0["value"] as? NSDictionary) })
        #expect(values["bool"] == ["boolValue": true])
        #expect(values["double"] == ["doubleValue": 1.5])
        #expect(values["infinite"] == ["doubleValue": "-Infinity"])
        #expect(values["text"] == ["stringValue": "x"])
        #expect(values["int"] == ["intValue": "7"])
        #expect(
            values["texts"] == ["arrayValue": ["values": [["stringValue": "a"], ["stringValue": "b"]]]])
        #expect(values["numbers"] == ["arrayValue": ["values": [["intValue": "1"], ["intValue": "2"]]]])
    }

    @Test func longTextsAreCutBetweenCharacters() throws {
        var span = SpanBatchesTests.span("a")
        span.attributes = ["text": .string("x" + String(repeating: "é", count: 2000))]
        let list = try #require(try spans([span]).first?["attributes"] as? [[String: Any]])
        let text = try #require((list.first?["value"] as? [String: Any])?["stringValue"] as? String)
        #expect(text == "x" + String(repeating: "é", count: 511))
    }
}
