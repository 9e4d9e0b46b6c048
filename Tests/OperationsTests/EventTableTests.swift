import Testing

@testable import Operations

@Suite struct EventTableTests {
    private func route(_ topic: String, _ path: String = "/x") -> Route {
        Route(method: "POST", path: path, topic: topic, successStatus: 200, timeout: .seconds(1))
    }

    private func service(_ name: String, _ topics: String...) -> ServiceDefinition {
        ServiceDefinition(
            name: name, routes: topics.enumerated().map { route($0.element, "/\(name)/\($0.offset)") })
    }

    @Test func aTopicIsKnownByItsWholeNameAndByItsEnd() {
        let table = EventTable([service("vy-pay", "vy-pay.intents.get", "vy-pay.intents.create")])
        #expect(table["vy-pay.intents.get"]?.path == "/vy-pay/0")
        #expect(table["intents.get"]?.path == "/vy-pay/0")
        #expect(table["intents.create"]?.path == "/vy-pay/1")
        for unknown in ["", "get", ".intents.get", "intents", "INTENTS.GET", "vy-pay.", "vy-pay"] {
            #expect(table[unknown] == nil)
        }
        #expect(table.ambiguous.isEmpty)
    }

    @Test func anEndThatTwoServicesHaveIsNoName() {
        let table = EventTable([service("a", "a.get", "a.put"), service("b", "b.get")])
        #expect(table["get"] == nil)
        #expect(table["a.get"]?.path == "/a/0")
        #expect(table["b.get"]?.path == "/b/0")
        #expect(table["put"]?.path == "/a/1")
        #expect(table.ambiguous == ["get"])
    }

    @Test func aTopicOfAnotherServiceHasNoEnd() {
        let table = EventTable([service("a", "b.get", "a", "a."), service("c", "c.a.put", "a.put")])
        #expect(table["b.get"]?.path == "/a/0")
        #expect(table["get"] == nil)
        #expect(table["a"]?.path == "/a/1")
        #expect(table[""] == nil)
        // The whole topic comes before the end of another.
        #expect(table["a.put"]?.path == "/c/1")
        #expect(table["c.a.put"]?.path == "/c/0")
    }

    @Test func aTopicWithSeveralRoutesIsItsOwnServices() {
        let table = EventTable([service("test", "pay.get", "pay.get"), service("pay", "pay.get")])
        #expect(table["pay.get"]?.path == "/pay/0")
        #expect(table["get"]?.path == "/pay/0")
        #expect(table.ambiguous.isEmpty)
        let without = EventTable([service("test", "pay.get", "pay.get")])
        #expect(without["pay.get"] == nil)
        #expect(without.ambiguous == ["pay.get"])
    }

    @Test func aReservedNameIsNotServed() {
        let table = EventTable([service("a", "a.register-user")], reserved: ["register-user"])
        #expect(table["register-user"] == nil)
        #expect(table["a.register-user"] != nil)
        #expect(table.ambiguous == ["register-user"])
    }
}
