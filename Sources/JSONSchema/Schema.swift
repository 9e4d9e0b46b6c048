import RawJSON

/// A JSON Schema (draft 2020-12) that instances are checked against.
///
/// Every keyword of the core, applicator, unevaluated and validation vocabularies is evaluated; of the formats, those of
/// ``Format`` are asserted. References lead to what is in the same set of documents: nothing is fetched.
public struct Schema: Sendable {
    /// Faults that are listed of one instance; it may have more.
    public static let maxFaults = 100

    let subschemas: [Subschema]
    let root: Int
    let dynamicAnchors: [DynamicAnchor: Int]
    let tracksEvaluated: Bool

    /// Every fault of an instance; empty when it is valid.
    ///
    /// - Parameter maxSteps: schemas that are evaluated at most. Where several forms lead to the same part, their number
    ///   grows with each level of it.
    public func faults(of instance: JSONNode, maxSteps: Int = 200_000) -> [SchemaFault] {
        var evaluation = SchemaEvaluation(self, maxSteps: maxSteps)
        evaluation.run(instance)
        return evaluation.faults
    }
}

/// A name in a resource that dynamic references look for.
struct DynamicAnchor: Hashable, Sendable {
    let resource: Int
    let name: String
}

/// Documents with schemas that may refer to each other.
public struct SchemaDocuments {
    private var resources = SchemaResources()

    public init() {}

    /// - Parameter uri: what references call the document, besides its own `$id`.
    public mutating func add(_ document: JSONNode, uri: String? = nil) {
        resources.add(document, uri: uri ?? SchemaResources.id(of: document) ?? SchemaResources.defaultURI)
    }

    /// The schema that is a whole document.
    ///
    /// - Throws: ``SchemaError`` for a keyword with a wrong value, and for a reference that leads nowhere.
    public static func schema(
        _ document: JSONNode, with others: SchemaDocuments = SchemaDocuments()
    ) throws(SchemaError) -> Schema {
        var documents = others
        documents.resources.add(document, uri: SchemaResources.defaultURI)
        let id = SchemaResources.id(of: document)
        let uri = id.map { SchemaResources.resolve($0, from: SchemaResources.defaultURI).uri }
        return try documents.schema(in: uri ?? SchemaResources.defaultURI, at: [])
    }

    /// The schema at a place of a document, which need not be a schema itself: OpenAPI's holds schemas at many places.
    ///
    /// - Parameter path: the decoded tokens of a JSON Pointer.
    public func schema(in uri: String, at path: [String]) throws(SchemaError) -> Schema {
        guard let place = resources.place(in: uri, path: path) else {
            throw SchemaError(place: JSONPointer.text(path), reason: "there is no schema here")
        }
        var compiler = SchemaCompiler(resources)
        let root = try compiler.compile(place)
        let dynamicAnchors = try compiler.dynamicAnchors()
        return Schema(
            subschemas: compiler.subschemas, root: root, dynamicAnchors: dynamicAnchors,
            tracksEvaluated: compiler.tracksEvaluated)
    }
}
