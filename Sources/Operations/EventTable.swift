/// Which operation an event of a socket asks for: by its topic, or by what of the topic comes after the service's
/// name. Immutable.
public struct EventTable: Sendable {
    private let routes: [String: Route]
    /// The names that would stand for more than one operation, or that mean something else, in order: none of them
    /// is served.
    public let ambiguous: [String]

    /// - Parameter reserved: names of events with a meaning of their own.
    public init(_ services: [ServiceDefinition], reserved: Set<String> = []) {
        var topics: [String: [Route]] = [:]
        var suffixes: [String: [Route]] = [:]
        for service in services {
            for route in service.routes {
                topics[route.topic, default: []].append(route)
                let prefix = service.name + "."
                if route.topic.hasPrefix(prefix), route.topic.count > prefix.count {
                    suffixes[String(route.topic.dropFirst(prefix.count)), default: []].append(route)
                }
            }
        }
        // A topic that several services' files name belongs to the one whose name it begins with.
        for (topic, routes) in topics where routes.count > 1 {
            let own = services.filter { topic.hasPrefix($0.name + ".") }
                .flatMap { $0.routes.filter { $0.topic == topic } }
            if own.count == 1 { topics[topic] = own }
        }
        var routes: [String: Route] = [:]
        var ambiguous: [String] = []
        for (name, found) in topics.merging(suffixes, uniquingKeysWith: { $0 + $1 }) {
            let isTopic = topics[name] != nil
            // A whole topic means that topic, also where it is the end of another one.
            let found = isTopic ? topics[name] ?? [] : found
            if found.count == 1, !reserved.contains(name), let route = found.first {
                routes[name] = route
            } else {
                ambiguous.append(name)
            }
        }
        self.routes = routes
        self.ambiguous = ambiguous.sorted()
    }

    public subscript(event: String) -> Route? { routes[event] }
}
