import Testing

@testable import Operations

@Suite struct RouteTableTests {
    private static let route = Route(
        method: "POST", path: "/pay/intents", topic: "t", successStatus: 200, timeout: .seconds(1))
    private let table = RouteTable([ServiceDefinition(name: "pay", routes: [route])])

    @Test(arguments: ["/pay/intents", "/pay/intents/"]) func finds(path: String) {
        guard case .route(let route) = table.match(method: "POST", path: path) else {
            Issue.record("\(path) is not found")
            return
        }
        #expect(route.topic == Self.route.topic)
    }

    @Test(arguments: ["/", "", "/pay", "/pay/intents//", "/Pay/intents", "/pay/intents/x", "/pay/%69ntents"])
    func unknownPaths(path: String) {
        guard case .notFound = table.match(method: "POST", path: path) else {
            Issue.record("\(path) is found")
            return
        }
    }

    @Test func anotherMethodNamesTheRightOnes() {
        guard case .methodNotAllowed(let allowed) = table.match(method: "GET", path: "/pay/intents") else {
            Issue.record("GET is not refused")
            return
        }
        #expect(allowed == ["POST", "OPTIONS"])
    }

    @Test func oneOperationDescribedTwiceIsAConflict() {
        let service = ServiceDefinition(name: "pay", routes: [Self.route, Self.route])
        #expect(RouteTable.conflicts([service]) == ["POST /pay/intents is described more than once"])
        #expect(RouteTable.conflicts([ServiceDefinition(name: "pay", routes: [Self.route])]).isEmpty)
    }
}
