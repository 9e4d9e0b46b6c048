import RawJSON

/// One instance against one schema.
struct SchemaEvaluation {
    /// Schemas that may be on the way to one value; a reference that leads back to itself would have no end.
    static let maxDepth = 400
    /// What of an object or array successful keywords have looked at (core, §11).
    struct Evaluated {
        var properties: Set<String> = []
        var allProperties = false
        /// Items from the front.
        var prefix = 0
        var items: Set<Int> = []

        mutating func merge(_ other: Evaluated) {
            properties.formUnion(other.properties)
            allProperties = allProperties || other.allProperties
            prefix = max(prefix, other.prefix)
            items.formUnion(other.items)
        }
    }

    let schema: Schema
    private let maxSteps: Int
    private(set) var faults: [SchemaFault] = []
    var path: [String] = []
    /// The resources that the evaluation has come through.
    private var scope: [Int] = []
    private var depth = 0
    private var steps = 0
    /// Where and why a part was not evaluated, whatever the schema makes of that part: under `not` it would be valid.
    private var givenUp: SchemaFault?
    var matchingLeft = Pattern.maxProgress

    init(_ schema: Schema, maxSteps: Int) {
        self.schema = schema
        self.maxSteps = maxSteps
    }

    mutating func run(_ instance: JSONNode) {
        var evaluated = Evaluated()
        _ = evaluate(schema.root, instance, &evaluated)
        if let givenUp { faults = faults.filter { $0 != givenUp }.prefix(Schema.maxFaults - 1) + [givenUp] }
    }

    /// - Returns: always false.
    @discardableResult
    mutating func fail(_ detail: String) -> Bool {
        if faults.count < Schema.maxFaults {
            faults.append(SchemaFault(pointer: JSONPointer.text(path), detail: detail))
        }
        return false
    }

    /// Makes the instance invalid as a whole.
    ///
    /// - Returns: always false.
    mutating func giveUp(_ detail: String) -> Bool {
        if givenUp == nil { givenUp = SchemaFault(pointer: JSONPointer.text(path), detail: detail) }
        return fail(detail)
    }

    /// Evaluates without keeping the faults.
    private mutating func tries(_ number: Int, _ instance: JSONNode, _ evaluated: inout Evaluated) -> Bool {
        attempt(number, instance, &evaluated) == nil
    }

    /// Evaluates one of several forms.
    ///
    /// - Returns: its faults; nil when it fits.
    private mutating func attempt(
        _ number: Int, _ instance: JSONNode, _ evaluated: inout Evaluated
    ) -> [SchemaFault]? {
        let before = faults
        faults = []
        defer { faults = before }
        return evaluate(number, instance, &evaluated) ? nil : faults
    }

    mutating func evaluate(_ number: Int, _ instance: JSONNode, _ evaluated: inout Evaluated) -> Bool {
        switch schema.subschemas[number] {
        case .always(true): return true
        case .always(false): return fail("is not allowed")
        case .keywords(let box):
            guard depth < Self.maxDepth else { return giveUp("is nested too deeply for its schema") }
            guard steps < maxSteps else { return giveUp("is too large for its schema") }
            depth += 1
            steps += 1
            scope.append(box.keywords.resource)
            defer {
                depth -= 1
                scope.removeLast()
            }
            var own = Evaluated()
            let isValid = evaluate(box.keywords, instance, &own)
            if isValid, schema.tracksEvaluated { evaluated.merge(own) }
            return isValid
        }
    }

    private mutating func evaluate(
        _ keywords: Keywords, _ instance: JSONNode, _ evaluated: inout Evaluated
    ) -> Bool {
        // All of them, since every fault is told.
        var isValid = assertValue(keywords, instance)
        if let reference = keywords.reference {
            isValid = evaluate(reference, instance, &evaluated) && isValid
        }
        if let reference = keywords.dynamicReference {
            isValid = evaluate(target(of: reference), instance, &evaluated) && isValid
        }
        isValid = combine(keywords, instance, &evaluated) && isValid
        switch instance {
        case .object(let members):
            isValid = evaluateObject(keywords, instance, members, &evaluated) && isValid
        case .array(let items): isValid = evaluateArray(keywords, items, &evaluated) && isValid
        default: break
        }
        return isValid
    }

    /// The outermost resource on the way here that has the anchor, else where the reference leads by itself.
    private func target(of reference: DynamicReference) -> Int {
        guard let anchor = reference.anchor else { return reference.target }
        for resource in scope {
            if let found = schema.dynamicAnchors[DynamicAnchor(resource: resource, name: anchor)] {
                return found
            }
        }
        return reference.target
    }

    private mutating func combine(
        _ keywords: Keywords, _ instance: JSONNode, _ evaluated: inout Evaluated
    ) -> Bool {
        var isValid = true
        for number in keywords.allOf { isValid = evaluate(number, instance, &evaluated) && isValid }
        if !keywords.anyOf.isEmpty {
            isValid = matchForms(keywords.anyOf, instance, &evaluated) > 0 && isValid
        }
        if !keywords.oneOf.isEmpty {
            let matches = matchForms(keywords.oneOf, instance, &evaluated)
            isValid = matches == 1 && isValid
            if matches > 1 { fail("matches more than one of the forms that exclude each other") }
        }
        if let not = keywords.not {
            var ignored = Evaluated()
            if tries(not, instance, &ignored) { isValid = fail("has a form that is not allowed") }
        }
        if let condition = keywords.condition {
            let branch =
                tries(condition.if, instance, &evaluated) ? condition.then : condition.else
            if let branch { isValid = evaluate(branch, instance, &evaluated) && isValid }
        }
        return isValid
    }

    /// How many of the forms fit. Where none does, tells the faults by the one that is nearest.
    private mutating func matchForms(
        _ numbers: [Int], _ instance: JSONNode, _ evaluated: inout Evaluated
    ) -> Int {
        var matches = 0
        var nearest: [SchemaFault]?
        for number in numbers {
            guard let faults = attempt(number, instance, &evaluated) else {
                matches += 1
                continue
            }
            if nearest.map({ faults.count < $0.count }) ?? true { nearest = faults }
        }
        if matches == 0 {
            fail("matches none of the \(numbers.count) forms that are allowed")
            faults += (nearest ?? []).prefix(Schema.maxFaults - faults.count)
        }
        return matches
    }

    // MARK: - Objects (core, §10.3.2)

    private mutating func evaluateObject(
        _ keywords: Keywords, _ instance: JSONNode, _ members: [String: JSONNode],
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isValid = true
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            var isCovered = false
            if let number = keywords.properties[name] {
                isCovered = true
                isValid = within(name, number, value) && isValid
            }
            for (pattern, number) in keywords.patternProperties where matches(pattern, name) {
                isCovered = true
                isValid = within(name, number, value) && isValid
            }
            if !isCovered, let number = keywords.additionalProperties {
                isCovered = true
                isValid = within(name, number, value) && isValid
            }
            if isCovered { evaluated.properties.insert(name) }
            if let number = keywords.propertyNames {
                var ignored = Evaluated()
                if !tries(number, .string(name), &ignored) {
                    path.append(name)
                    isValid = fail("has a name that is not allowed")
                    path.removeLast()
                }
            }
        }
        for (name, number) in keywords.dependentSchemas.sorted(by: { $0.key < $1.key })
        where members[name] != nil {
            isValid = evaluate(number, instance, &evaluated) && isValid
        }
        if let number = keywords.unevaluatedProperties, !evaluated.allProperties {
            for (name, value) in members.sorted(by: { $0.key < $1.key })
            where !evaluated.properties.contains(name) {
                isValid = within(name, number, value) && isValid
            }
            evaluated.allProperties = true
        }
        return isValid
    }

    /// Evaluates a member or an item.
    private mutating func within(_ token: String, _ number: Int, _ value: JSONNode) -> Bool {
        path.append(token)
        defer { path.removeLast() }
        var own = Evaluated()
        return evaluate(number, value, &own)
    }

    // MARK: - Arrays (core, §10.3.1)

    private mutating func evaluateArray(
        _ keywords: Keywords, _ items: [JSONNode], _ evaluated: inout Evaluated
    ) -> Bool {
        var isValid = true
        for (index, (number, item)) in zip(keywords.prefixItems, items).enumerated() {
            isValid = within(String(index), number, item) && isValid
            evaluated.prefix = max(evaluated.prefix, index + 1)
        }
        if let number = keywords.items {
            for index in items.indices.dropFirst(keywords.prefixItems.count) {
                isValid = within(String(index), number, items[index]) && isValid
            }
            evaluated.prefix = items.count
        }
        if let number = keywords.contains {
            var matches = 0
            for (index, item) in items.enumerated() {
                var ignored = Evaluated()
                guard tries(number, item, &ignored) else { continue }
                matches += 1
                evaluated.items.insert(index)
            }
            isValid = countContained(matches, keywords) && isValid
        }
        if let number = keywords.unevaluatedItems {
            for index in items.indices.dropFirst(evaluated.prefix) where !evaluated.items.contains(index) {
                isValid = within(String(index), number, items[index]) && isValid
            }
            evaluated.prefix = items.count
        }
        return isValid
    }

    private mutating func countContained(_ matches: Int, _ keywords: Keywords) -> Bool {
        let (least, most) = (keywords.minContains ?? 1, keywords.maxContains)
        if matches < least {
            return fail("must contain at least \(least) matching item\(least == 1 ? "" : "s")")
        }
        if let most, matches > most { return fail("must contain at most \(most) matching items") }
        return true
    }
}
