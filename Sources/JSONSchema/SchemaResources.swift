import Foundation

/// Where a schema is: the URI of its resource, and the JSON Pointer within that.
struct SchemaPlace: Hashable {
    var resource: String
    var path: [String]

    func appending(_ tokens: String...) -> SchemaPlace {
        SchemaPlace(resource: resource, path: path + tokens)
    }
}

/// The schema resources that references may lead to, by URI, with their anchors (core, §8.2 and §9).
struct SchemaResources {
    /// The base of what has no `$id`.
    static let defaultURI = "schema://document/"

    /// Keywords whose value is a schema, an array of schemas, or an object of schemas (core, §10 and §11).
    static let single = [
        "not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties",
    ]
    static let arrays = ["allOf", "anyOf", "oneOf", "prefixItems"]
    static let objects = ["$defs", "dependentSchemas", "patternProperties", "properties", "definitions"]

    private var documents: [String: JSONNode] = [:]
    private(set) var anchors: [String: SchemaPlace] = [:]
    private(set) var dynamicAnchors: [String: SchemaPlace] = [:]

    /// - Parameter uri: what it is known by besides its own `$id`.
    mutating func add(_ document: JSONNode, uri: String) {
        documents[uri] = document
        index(document, at: SchemaPlace(resource: uri, path: []))
    }

    subscript(place: SchemaPlace) -> JSONNode? { documents[place.resource]?[place.path] }

    /// A reference made absolute: the URI without its fragment, and the fragment.
    static func resolve(_ reference: String, from base: String) -> (uri: String, fragment: String) {
        let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let fragment = parts.count > 1 ? String(parts[1]) : ""
        guard let relative = parts.first, !relative.isEmpty else { return (base, fragment) }
        let absolute = URL(string: String(relative), relativeTo: URL(string: base))?.absoluteString
        return (absolute ?? String(relative), fragment)
    }

    /// Follows a pointer from the root of a resource, into the resources that are embedded on the way.
    func place(in resource: String, path: [String]) -> SchemaPlace? {
        guard var node = documents[resource] else { return nil }
        var place = SchemaPlace(resource: resource, path: [])
        for token in path {
            guard let child = node[[token]] else { return nil }
            node = child
            place.path.append(token)
            if let id = Self.id(of: node) {
                let uri = Self.resolve(id, from: place.resource).uri
                if documents[uri] == node { place = SchemaPlace(resource: uri, path: []) }
            }
        }
        return place
    }

    static func id(of node: JSONNode) -> String? { node["$id"]?.string }

    private mutating func index(_ node: JSONNode, at place: SchemaPlace) {
        guard let members = node.object else { return }
        var place = place
        if let id = Self.id(of: node) {
            let uri = Self.resolve(id, from: place.resource).uri
            if documents[uri] == nil || place.path.isEmpty { documents[uri] = node }
            place = SchemaPlace(resource: uri, path: [])
        }
        if let name = members["$anchor"]?.string { anchors["\(place.resource)#\(name)"] = place }
        if let name = members["$dynamicAnchor"]?.string {
            anchors["\(place.resource)#\(name)"] = place
            dynamicAnchors["\(place.resource)#\(name)"] = place
        }
        for key in Self.single {
            if let child = members[key] { index(child, at: place.appending(key)) }
        }
        for key in Self.arrays {
            for (number, child) in (members[key]?.array ?? []).enumerated() {
                index(child, at: place.appending(key, String(number)))
            }
        }
        for key in Self.objects {
            for (name, child) in members[key]?.object ?? [:] { index(child, at: place.appending(key, name)) }
        }
    }
}
