import Foundation

/// One schema, taken apart. Others are named by their number in the ``Schema`` that holds all of them.
enum Subschema: Sendable {
    case always(Bool)
    case keywords(KeywordsBox)
}

/// Keeps the many keywords in one place, so that an evaluation passes them on without a copy.
final class KeywordsBox: Sendable {
    let keywords: Keywords

    init(_ keywords: Keywords) { self.keywords = keywords }
}

/// The keywords of JSON Schema, draft 2020-12.
struct Keywords: Sendable {
    typealias Number = Int

    /// The schema resource that this is part of, for dynamic references.
    var resource = 0

    // Core, §8.2.3
    var reference: Number?
    var dynamicReference: DynamicReference?

    // Applicators, §10
    var allOf: [Number] = []
    var anyOf: [Number] = []
    var oneOf: [Number] = []
    var not: Number?
    var condition: (if: Number, then: Number?, else: Number?)?
    var dependentSchemas: [String: Number] = [:]
    var prefixItems: [Number] = []
    var items: Number?
    var contains: Number?
    var properties: [String: Number] = [:]
    var patternProperties: [(pattern: NSRegularExpression, schema: Number)] = []
    var additionalProperties: Number?
    var propertyNames: Number?
    var unevaluatedItems: Number?
    var unevaluatedProperties: Number?

    // Validation, §6
    var types: [String] = []
    var allowed: [JSONNode]?
    var multipleOf: JSONNumber?
    var maximum: JSONNumber?
    var exclusiveMaximum: JSONNumber?
    var minimum: JSONNumber?
    var exclusiveMinimum: JSONNumber?
    var maxLength: Int?
    var minLength: Int?
    var pattern: (text: String, expression: NSRegularExpression)?
    var maxItems: Int?
    var minItems: Int?
    var uniqueItems = false
    var maxContains: Int?
    var minContains: Int?
    var maxProperties: Int?
    var minProperties: Int?
    var required: [String] = []
    var dependentRequired: [String: [String]] = [:]
    var format: Format?
}

/// A reference that is resolved anew by where the evaluation has come from (core, §8.2.3.2).
struct DynamicReference: Sendable {
    /// Where it leads when nothing on the way has such an anchor.
    let target: Int
    /// Nil: the target has no dynamic anchor, so it is a plain reference.
    let anchor: String?
}
