import Foundation

/// The keywords that look at a value by itself (validation, §6 and §7).
extension SchemaEvaluation {
    mutating func assertValue(_ keywords: Keywords, _ instance: JSONNode) -> Bool {
        var isValid = true
        if !keywords.types.isEmpty, !keywords.types.contains(where: { Self.has(instance, type: $0) }) {
            // What is of a wrong type has no further faults worth telling.
            return fail("must be \(Self.phrase(keywords.types))")
        }
        if let allowed = keywords.allowed, !allowed.contains(instance) {
            isValid = fail(
                allowed.count == 1
                    ? "must be \(Self.text(allowed[0]))"
                    : "must be one of the \(allowed.count) allowed values\(Self.list(allowed))")
        }
        switch instance {
        case .number(let number): isValid = assert(keywords, number) && isValid
        case .string(let text): isValid = assert(keywords, text) && isValid
        case .array(let items): isValid = assert(keywords, items) && isValid
        case .object(let members): isValid = assert(keywords, members) && isValid
        case .null, .bool: break
        }
        return isValid
    }

    private static func has(_ instance: JSONNode, type: String) -> Bool {
        switch (instance, type) {
        case (.null, "null"), (.bool, "boolean"), (.number, "number"), (.string, "string"),
            (.array, "array"), (.object, "object"):
            true
        case (.number(let number), "integer"): number.isInteger
        default: false
        }
    }

    private static func phrase(_ types: [String]) -> String {
        let names = types.map { type in
            switch type {
            case "null": "null"
            case "array", "integer", "object": "an \(type)"
            default: "a \(type)"
            }
        }
        return names.count < 2
            ? names.joined()
            : names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }

    /// A value of the schema as the client is told it.
    private static func text(_ node: JSONNode) -> String {
        switch node {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let number): number.description
        case .string(let text): "\"\(text)\""
        case .array: "a certain array"
        case .object: "a certain object"
        }
    }

    /// Nothing where it would be long.
    private static func list(_ allowed: [JSONNode]) -> String {
        allowed.count <= 8 ? ": " + allowed.map(text).joined(separator: ", ") : ""
    }

    private mutating func assert(_ keywords: Keywords, _ number: JSONNumber) -> Bool {
        var isValid = true
        if let divisor = keywords.multipleOf, !number.isMultiple(of: divisor) {
            isValid = fail("must be a multiple of \(divisor)")
        }
        if let limit = keywords.minimum, number < limit { isValid = fail("must be \(limit) or more") }
        if let limit = keywords.exclusiveMinimum, number <= limit { isValid = fail("must be above \(limit)") }
        if let limit = keywords.maximum, number > limit { isValid = fail("must be \(limit) or less") }
        if let limit = keywords.exclusiveMaximum, number >= limit { isValid = fail("must be below \(limit)") }
        return isValid
    }

    private mutating func assert(_ keywords: Keywords, _ text: String) -> Bool {
        var isValid = true
        if keywords.minLength != nil || keywords.maxLength != nil {
            let length = text.unicodeScalars.count
            if let limit = keywords.minLength, length < limit {
                isValid = fail(limit == 1 ? "must not be empty" : "must have at least \(limit) characters")
            }
            if let limit = keywords.maxLength, length > limit {
                // A longer text is not looked at further: expressions take their time.
                return fail("must have at most \(limit) characters")
            }
        }
        if let pattern = keywords.pattern, !matches(pattern.expression, text) {
            isValid = fail("must match the pattern \(pattern.text)")
        }
        if let format = keywords.format, !format.matches(text) {
            isValid = fail("must be a valid \(format.rawValue)")
        }
        return isValid
    }

    /// False as well where it would take too long to tell.
    mutating func matches(_ expression: NSRegularExpression, _ text: String) -> Bool {
        Pattern.matches(expression, text, left: &matchingLeft)
            ?? giveUp("takes too long to match the patterns of its schema")
    }

    private mutating func assert(_ keywords: Keywords, _ items: [JSONNode]) -> Bool {
        var isValid = true
        if let limit = keywords.minItems, items.count < limit {
            isValid = fail("must have at least \(limit) item\(limit == 1 ? "" : "s")")
        }
        if let limit = keywords.maxItems, items.count > limit {
            isValid = fail("must have at most \(limit) item\(limit == 1 ? "" : "s")")
        }
        if keywords.uniqueItems, Set(items).count < items.count {
            isValid = fail("must not have equal items")
        }
        return isValid
    }

    private mutating func assert(_ keywords: Keywords, _ members: [String: JSONNode]) -> Bool {
        var isValid = true
        if let limit = keywords.minProperties, members.count < limit {
            isValid = fail("must have at least \(limit) member\(limit == 1 ? "" : "s")")
        }
        if let limit = keywords.maxProperties, members.count > limit {
            isValid = fail("must have at most \(limit) member\(limit == 1 ? "" : "s")")
        }
        for name in keywords.required where members[name] == nil { isValid = missing(name) }
        for (trigger, names) in keywords.dependentRequired.sorted(by: { $0.key < $1.key })
        where members[trigger] != nil {
            for name in names where members[name] == nil { isValid = missing(name) }
        }
        return isValid
    }

    private mutating func missing(_ name: String) -> Bool {
        path.append(name)
        defer { path.removeLast() }
        return fail("is required")
    }
}
