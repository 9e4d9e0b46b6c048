/// Why a schema cannot be used.
public struct SchemaError: Error, Equatable, CustomStringConvertible {
    /// Where in the schema, as a JSON Pointer within its resource.
    public let place: String
    public let reason: String

    public var description: String { place.isEmpty ? reason : "\(place): \(reason)" }
}

/// One fault of an instance.
public struct SchemaFault: Sendable, Equatable {
    /// A JSON Pointer (RFC 6901) to the part of the instance that is wrong.
    public let pointer: String
    /// A sentence without its subject: `must be an integer`.
    public let detail: String
}
