import Foundation
import RawJSON

/// Takes schemas apart into ``Subschema``s, once each, and resolves their references.
struct SchemaCompiler {
    private let resources: SchemaResources
    private(set) var subschemas: [Subschema] = []
    private(set) var tracksEvaluated = false
    private var numbers: [SchemaPlace: Int] = [:]
    private var resourceNumbers: [String: Int] = [:]

    init(_ resources: SchemaResources) { self.resources = resources }

    /// The schemas of dynamic anchors, by resource and name.
    mutating func dynamicAnchors() throws(SchemaError) -> [DynamicAnchor: Int] {
        var found: [DynamicAnchor: Int] = [:]
        for (key, place) in resources.dynamicAnchors.sorted(by: { $0.key < $1.key }) {
            guard let name = key.split(separator: "#").last, numbers[place] != nil || usesDynamicReferences
            else { continue }
            let number = try compile(place)
            found[DynamicAnchor(resource: self.number(of: place.resource), name: String(name))] = number
        }
        return found
    }

    private var usesDynamicReferences = false

    /// - Returns: the number of the schema.
    mutating func compile(_ place: SchemaPlace) throws(SchemaError) -> Int {
        if let known = numbers[place] { return known }
        guard let node = resources[place] else { throw error(place, "there is no schema here") }
        let number = subschemas.count
        numbers[place] = number
        subschemas.append(.always(true))
        switch node {
        case .bool(let isValid): subschemas[number] = .always(isValid)
        case .object(let members): subschemas[number] = .keywords(KeywordsBox(try keywords(members, place)))
        default: throw error(place, "a schema is an object or a boolean")
        }
        return number
    }

    private func error(_ place: SchemaPlace, _ reason: String) -> SchemaError {
        SchemaError(place: JSONPointer.text(place.path), reason: reason)
    }

    private mutating func number(of resource: String) -> Int {
        if let known = resourceNumbers[resource] { return known }
        resourceNumbers[resource] = resourceNumbers.count
        return resourceNumbers.count - 1
    }

    /// A schema within another, which may be the root of a resource of its own.
    private mutating func child(_ parent: SchemaPlace, _ tokens: String...) throws(SchemaError) -> Int {
        let path = parent.path + tokens
        guard let place = resources.place(in: parent.resource, path: path) else {
            throw error(parent, "there is no schema at \(JSONPointer.text(path))")
        }
        return try compile(place)
    }

    // MARK: - References

    private func target(_ reference: String, from place: SchemaPlace) throws(SchemaError) -> SchemaPlace {
        let (uri, fragment) = SchemaResources.resolve(reference, from: place.resource)
        if let anchored = resources.anchors["\(uri)#\(fragment)"] { return anchored }
        guard let pointer = fragment.removingPercentEncoding, let path = JSONPointer.tokens(pointer),
            let found = resources.place(in: uri, path: path)
        else { throw error(place, "'\(reference)' leads nowhere") }
        return found
    }

    private mutating func dynamicReference(
        _ reference: String, from place: SchemaPlace
    ) throws(SchemaError) -> DynamicReference {
        usesDynamicReferences = true
        let target = try target(reference, from: place)
        let name = SchemaResources.resolve(reference, from: place.resource).fragment
        let isDynamic = resources.dynamicAnchors["\(target.resource)#\(name)"] == target
        return DynamicReference(target: try compile(target), anchor: isDynamic ? name : nil)
    }

    // MARK: - Keywords

    private mutating func keywords(
        _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> Keywords {
        var keywords = Keywords()
        keywords.resource = number(of: place.resource)
        if let reference = members["$ref"] {
            guard let text = reference.string else { throw error(place, "$ref is a string") }
            keywords.reference = try compile(try target(text, from: place))
        }
        if let reference = members["$dynamicRef"] {
            guard let text = reference.string else { throw error(place, "$dynamicRef is a string") }
            keywords.dynamicReference = try dynamicReference(text, from: place)
        }
        try applicators(&keywords, members, place)
        try assertions(&keywords, members, place)
        return keywords
    }

    private mutating func applicators(
        _ keywords: inout Keywords, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) {
        keywords.allOf = try list("allOf", members, place)
        keywords.anyOf = try list("anyOf", members, place)
        keywords.oneOf = try list("oneOf", members, place)
        keywords.prefixItems = try list("prefixItems", members, place)
        keywords.not = try one("not", members, place)
        if let condition = try one("if", members, place) {
            keywords.condition = (
                condition, try one("then", members, place), try one("else", members, place)
            )
        }
        keywords.items = try one("items", members, place)
        keywords.contains = try one("contains", members, place)
        keywords.additionalProperties = try one("additionalProperties", members, place)
        keywords.propertyNames = try one("propertyNames", members, place)
        keywords.unevaluatedItems = try one("unevaluatedItems", members, place)
        keywords.unevaluatedProperties = try one("unevaluatedProperties", members, place)
        if keywords.unevaluatedItems != nil || keywords.unevaluatedProperties != nil {
            tracksEvaluated = true
        }
        keywords.properties = try map("properties", members, place)
        keywords.dependentSchemas = try map("dependentSchemas", members, place)
        for (pattern, schema) in try map("patternProperties", members, place).sorted(by: { $0.key < $1.key })
        {
            keywords.patternProperties.append((try regularExpression(pattern, place), schema))
        }
    }

    private mutating func one(
        _ key: String, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> Int? {
        members[key] == nil ? nil : try child(place, key)
    }

    private mutating func list(
        _ key: String, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> [Int] {
        guard let value = members[key] else { return [] }
        guard let items = value.array, !items.isEmpty else {
            throw error(place, "\(key) is an array with schemas")
        }
        var numbers: [Int] = []
        for index in items.indices { numbers.append(try child(place, key, String(index))) }
        return numbers
    }

    private mutating func map(
        _ key: String, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> [String: Int] {
        guard let value = members[key] else { return [:] }
        guard let schemas = value.object else { throw error(place, "\(key) is an object of schemas") }
        var numbers: [String: Int] = [:]
        for name in schemas.keys.sorted() { numbers[name] = try child(place, key, name) }
        return numbers
    }

    private func regularExpression(
        _ text: String, _ place: SchemaPlace
    ) throws(SchemaError) -> NSRegularExpression {
        guard let expression = Pattern.compile(text) else {
            throw error(place, "'\(text)' is no regular expression")
        }
        return expression
    }
}

// MARK: - Assertions

extension SchemaCompiler {
    private static let typeNames: Set<String> = [
        "null", "boolean", "object", "array", "number", "string", "integer",
    ]

    private func assertions(
        _ keywords: inout Keywords, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) {
        keywords.types = try types(members["type"], place)
        if let allowed = members["enum"] {
            guard let values = allowed.array else { throw error(place, "enum is an array") }
            keywords.allowed = values
        }
        if let constant = members["const"] {
            // Both at once are rare: what is left is what both allow.
            keywords.allowed = keywords.allowed.map { $0.filter { $0 == constant } } ?? [constant]
        }
        keywords.multipleOf = try number("multipleOf", members, place)
        if let divisor = keywords.multipleOf, !divisor.isDivisor {
            throw error(place, "multipleOf is a number above 0 with at most 18 digits")
        }
        keywords.maximum = try number("maximum", members, place)
        keywords.exclusiveMaximum = try number("exclusiveMaximum", members, place)
        keywords.minimum = try number("minimum", members, place)
        keywords.exclusiveMinimum = try number("exclusiveMinimum", members, place)
        keywords.maxLength = try count("maxLength", members, place)
        keywords.minLength = try count("minLength", members, place)
        keywords.maxItems = try count("maxItems", members, place)
        keywords.minItems = try count("minItems", members, place)
        keywords.maxContains = try count("maxContains", members, place)
        keywords.minContains = try count("minContains", members, place)
        keywords.maxProperties = try count("maxProperties", members, place)
        keywords.minProperties = try count("minProperties", members, place)
        if let unique = members["uniqueItems"] {
            guard case .bool(let isUnique) = unique else { throw error(place, "uniqueItems is a boolean") }
            keywords.uniqueItems = isUnique
        }
        if let pattern = members["pattern"] {
            guard let text = pattern.string else { throw error(place, "pattern is a string") }
            keywords.pattern = (text, try regularExpression(text, place))
        }
        if let required = members["required"] { keywords.required = try strings("required", required, place) }
        if let dependent = members["dependentRequired"] {
            guard let object = dependent.object else { throw error(place, "dependentRequired is an object") }
            for (name, value) in object {
                keywords.dependentRequired[name] = try strings("dependentRequired", value, place)
            }
        }
        if let format = members["format"] {
            guard let name = format.string else { throw error(place, "format is a string") }
            keywords.format = Format(rawValue: name)
        }
    }

    private func types(_ value: JSONNode?, _ place: SchemaPlace) throws(SchemaError) -> [String] {
        guard let value else { return [] }
        let names: [String]
        if let name = value.string { names = [name] } else { names = try strings("type", value, place) }
        guard !names.isEmpty, names.allSatisfy(Self.typeNames.contains) else {
            throw error(place, "type is one or more of \(Self.typeNames.sorted().joined(separator: ", "))")
        }
        return names
    }

    private func strings(
        _ key: String, _ value: JSONNode, _ place: SchemaPlace
    ) throws(SchemaError) -> [String] {
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw error(place, "\(key) is an array of strings")
        }
        return texts
    }

    private func number(
        _ key: String, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> JSONNumber? {
        guard let value = members[key] else { return nil }
        guard case .number(let number) = value else { throw error(place, "\(key) is a number") }
        return number
    }

    private func count(
        _ key: String, _ members: [String: JSONNode], _ place: SchemaPlace
    ) throws(SchemaError) -> Int? {
        guard let value = members[key] else { return nil }
        guard let count = value.count else { throw error(place, "\(key) is a whole number from 0") }
        return count
    }
}
