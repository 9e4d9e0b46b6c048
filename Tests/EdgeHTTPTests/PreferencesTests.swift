import Testing

@testable import edge_http

@Suite struct PreferencesTests {
    @Test(
        arguments: [
            (nil, false, nil), ("", false, nil), ("respond-async", true, nil), ("Respond-Async", true, nil),
            ("wait=10", false, 10), ("WAIT = \"7\" ; x=1", false, 7), ("respond-async, wait=5", true, 5),
            ("return=minimal, wait=5, wait=9", false, 5), ("wait=x, wait=3", false, nil),
            ("wait=", false, nil),
            ("wait=-1", false, nil), ("wait=0", false, nil), ("respond-async;foo,wait=0", true, 0),
            ("foo=\"a, respond-async\"", false, nil), ("foo=\"\\\", wait=1\", wait=2", false, 2),
            ("wait=99999999999999999999", false, 86_400), ("respond-async-not", false, nil),
        ] as [(String?, Bool, Int?)])
    func reads(field: String?, respondsAsync: Bool, wait: Int?) {
        let preferences = Preferences(field)
        #expect(preferences.respondsAsync == respondsAsync)
        #expect(preferences.wait == wait)
    }

    @Test func aPreferenceShortensAndNeverProlongs() {
        #expect(Preferences("wait=2").timeout(.seconds(5)) == .seconds(2))
        #expect(Preferences("wait=9").timeout(.seconds(5)) == .seconds(5))
        #expect(Preferences("respond-async, wait=0").timeout(.seconds(5)) == .seconds(5))
        #expect(Preferences(nil).timeout(.seconds(5)) == .seconds(5))
    }

    @Test func onlyWaitZeroIsImmediate() {
        #expect(Preferences("respond-async").isImmediate)
        #expect(Preferences("respond-async, wait=0").isImmediate)
        #expect(!Preferences("respond-async, wait=1").isImmediate)
        #expect(!Preferences("wait=0").isImmediate)
    }

    @Test func saysWhatItApplied() {
        #expect(Preferences("wait=2").applied(to: .seconds(5), isAccepted: false) == "wait=2")
        #expect(Preferences("wait=5").applied(to: .seconds(5), isAccepted: false) == nil)
        #expect(Preferences("respond-async").applied(to: .seconds(5), isAccepted: true) == "respond-async")
        #expect(Preferences("respond-async").applied(to: .seconds(5), isAccepted: false) == nil)
        #expect(
            Preferences("respond-async, wait=1").applied(to: .seconds(5), isAccepted: true)
                == "respond-async, wait=1")
    }
}
