import Testing

@testable import Operations

@Suite struct ServiceDefinitionTests {
    private func parse(_ yaml: String) throws -> (service: ServiceDefinition, mistakes: [String]) {
        try ServiceDefinition.parse(yaml, defaultTimeout: .seconds(10), longestTimeout: .seconds(20))
    }

    @Test func aServiceBecomesRoutes() throws {
        let (service, mistakes) = try parse(
            """
            service: vy-shipping
            routes:
              - {path: /parcels, topic: vy-shipping.parcels.create, status: 201, timeout: 1500}
              - {path: /parcels/get, topic: vy-shipping.parcels.get, method: PUT}
            """)
        #expect(mistakes.isEmpty)
        #expect(
            service.routes == [
                Route(
                    method: "POST", path: "/vy-shipping/parcels", topic: "vy-shipping.parcels.create",
                    successStatus: 201, timeout: .milliseconds(1500)),
                Route(
                    method: "PUT", path: "/vy-shipping/parcels/get", topic: "vy-shipping.parcels.get",
                    successStatus: 200, timeout: .seconds(10)),
            ])
    }

    @Test func everyFaultOfAFileIsNamed() throws {
        let (_, mistakes) = try parse(
            """
            service: "my service"
            routes:
              - {path: parcels, topic: ok}
              - {path: /a//b, topic: "no topic"}
              - {path: /c, topic: .., method: GET, status: 404, timeout: 30000}
            """)
        #expect(
            mistakes == [
                "service: 'my service' may hold only a-z A-Z 0-9 . _ -",
                "path 'parcels' must be like /payment-intents/get",
                "path '/a//b' must be like /payment-intents/get",
                "/a//b: 'no topic' is no topic name",
                "/c: '..' is no topic name",
                "/c: method 'GET' is none of POST, PUT, PATCH",
                "/c: status 404 is no success status with a body",
                "/c: timeout 30000 is not from 1 to KAFKA_REPLY_TIMEOUT_MAX",
            ])
    }

    @Test(arguments: ["", "service: a", "service: a\nroutes: [{path: /b}]", "service: [", "- 1"])
    func anotherShapeIsRefused(yaml: String) {
        #expect(throws: (any Error).self) { try parse(yaml) }
    }

    @Test func aMissingDirectoryIsAMistake() {
        let (services, mistakes) = ServiceDefinition.load(
            directory: "/nonexistent", defaultTimeout: .seconds(1), longestTimeout: .seconds(1))
        #expect(services.isEmpty)
        #expect(mistakes == ["cannot read the directory /nonexistent"])
    }
}

@Suite struct RouteTableTests {
    private static let route = Route(
        method: "POST", path: "/pay/intents", topic: "t", successStatus: 200, timeout: .seconds(1))
    private let table = RouteTable([ServiceDefinition(name: "pay", routes: [route])])

    @Test(arguments: ["/pay/intents", "/pay/intents/"]) func finds(path: String) {
        #expect(table.match(method: "POST", path: path) == .route(Self.route))
    }

    @Test(arguments: ["/", "", "/pay", "/pay/intents//", "/Pay/intents", "/pay/intents/x", "/pay/%69ntents"])
    func unknownPaths(path: String) {
        #expect(table.match(method: "POST", path: path) == .notFound)
    }

    @Test func anotherMethodNamesTheRightOnes() {
        #expect(
            table.match(method: "GET", path: "/pay/intents")
                == .methodNotAllowed(allowed: ["POST", "OPTIONS"]))
    }

    @Test func oneOperationDescribedTwiceIsAConflict() {
        let service = ServiceDefinition(name: "pay", routes: [Self.route, Self.route])
        #expect(RouteTable.conflicts([service]) == ["POST /pay/intents is described more than once"])
        #expect(RouteTable.conflicts([ServiceDefinition(name: "pay", routes: [Self.route])]).isEmpty)
    }
}
