import NIOCore
import RawJSON

@testable import Operations

/// OpenAPI documents: what is read is read the same again, also as JSON, and its routes can be used.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let text = String(buffer: buffer(data, size))
    guard let (service, mistakes) = parse(text) else { return 0 }
    guard let document = service.document, let again = parse(text) else { fatalError("no longer a document") }
    require((try? RawJSON.validate(document.json)) != nil, "no JSON")
    // But for the text with which it gets too long.
    require(document.json.readableBytes <= longest + 6 * size, "longer than a document may be")
    require(mistakes == again.mistakes && document.json == again.service.document?.json, "read otherwise")
    require(routes(service) == routes(again.service), "other routes")
    // JSON is YAML but for some characters that YAML does not know.
    if let json = parse(String(buffer: document.json)) {
        require(json.service.document?.json == document.json && json.mistakes == mistakes, "other as JSON")
    }
    require(mistakes.isEmpty == false || !service.name.isEmpty, "right, and without a name")

    let table = RouteTable([service])
    _ = EventTable([service])
    for route in service.routes {
        require((1...250).contains(route.topic.utf8.count), "no topic")
        require((200...299).contains(route.successStatus), "no success")
        require(route.timeout > .zero && route.timeout <= .seconds(60), "no timeout")
        guard case .route = table.match(method: route.method, path: route.path) else {
            fatalError("no route")
        }
        for body in bodies {
            require(
                route.faults(of: body, maxDepth: 64) == route.faults(of: body, maxDepth: 64), "other faults")
        }
    }
    return 0
}

/// Bytes of JSON, as small documents whose aliases make them large would have.
private let longest = 64 << 10

private let bodies = [
    #"{}"#, #"{"id":"pi_1","amount":100,"currency":"eur"}"#, #"{"id":[{"id":null}],"a":{"a":{"a":1.5e3}}}"#,
].map { ByteBuffer(string: $0) }

private func parse(_ text: String) -> (service: ServiceDefinition, mistakes: [String])? {
    try? OpenAPIDocument.parse(
        text, defaultTimeout: .seconds(10), longestTimeout: .seconds(60), maxBytes: longest)
}

private func routes(_ service: ServiceDefinition) -> [String] {
    service.routes.map { "\($0.method) \($0.path) \($0.topic) \($0.timeout) \($0.successStatus)" }
}
