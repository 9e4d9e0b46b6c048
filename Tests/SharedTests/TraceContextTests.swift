import Testing

@testable import Shared

@Suite struct TraceContextTests {
    static let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func readsAndWrites() throws {
        let trace = try #require(TraceContext(parent: Self.text, state: "congo=t61rcWkgMzE"))
        #expect(trace.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(trace.spanID.description == "b7ad6b7169203331")
        #expect(trace.isSampled)
        #expect(trace.parent == Self.text)
        #expect(trace.fields.map(\.name) == ["traceparent", "tracestate"])
        #expect(trace.fields.map(\.value) == [Self.text, "congo=t61rcWkgMzE"])
    }

    @Test(arguments: [
        "", "00", String(text.dropLast()), text + "0", text + "-00", text.uppercased(),
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x",
    ])
    func refuses(text: String) { #expect(TraceContext(parent: text, state: "a=b") == nil) }

    /// §4.3: what is known of a later version counts, and only that is passed on.
    @Test func readsLaterVersions() throws {
        for text in ["cc" + Self.text.dropFirst(2), "cc" + Self.text.dropFirst(2) + "-what-is-to-come"] {
            #expect(try #require(TraceContext(parent: text)).parent == Self.text)
        }
        let flags = try #require(TraceContext(parent: "cc" + Self.text.dropFirst(2).dropLast(2) + "ff"))
        #expect(flags.parent == Self.text)
    }

    @Test func aChildKeepsTheTrace() throws {
        let parent = try #require(TraceContext(parent: Self.text.dropLast(2) + "03", state: "a=b"))
        let child = parent.child(.random())
        #expect(child.traceID == parent.traceID)
        #expect(child.spanID != parent.spanID)
        #expect(child.flags == 3)
        #expect(child.state == "a=b")
        #expect(TraceContext(parent: child.parent, state: "a=b") == child)
    }

    @Test(arguments: [
        ("", nil), ("a=b", "a=b"), (String(repeating: "x", count: 512), String(repeating: "x", count: 512)),
        (String(repeating: "x", count: 513), nil), ("a=b\r\nx: y", nil), ("a=ü", nil),
    ])
    func passesOnStates(given: String, passed: String?) throws {
        #expect(try #require(TraceContext(parent: Self.text, state: given)).state == passed)
    }

    @Test func idsAreNeverZeroAndDiffer() {
        let ids = (0..<100).map { _ in TraceContext.TraceID.random() }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { $0.low != 0 })
    }
}

@Suite struct HTTPTokenTests {
    @Test(arguments: [
        ("io", true), ("X-Api_Key.1~", true), ("", false), ("a b", false), ("ü", false), ("a:b", false),
    ])
    func tokens(text: String, isToken: Bool) { #expect(text.isHTTPToken == isToken) }
}
