public import Shared

/// The settings of requests that both edges read alike: which operations there are, and what a request may be.
public struct OperationSettings: Sendable {
    public let services: [ServiceDefinition]
    /// Where they came from, to read them again.
    public let source: ServiceDefinition.Source
    /// Bytes.
    public let bodyLimit: Int
    public let depthLimit: Int

    /// - Parameter loads: whether the services are wanted at all; without it their directory need not be there.
    public init(from reader: inout SettingsReader, loads: Bool = true) {
        let timeout = reader.milliseconds(
            "KAFKA_REPLY_TIMEOUT", default: 10_000, in: 1...3_600_000,
            help: "Deadline (ms) of a request whose route names none: then the answer is 504.")
        let longest = ReplyTimeoutSetting.readLongest(&reader)
        if timeout > longest {
            reader.mistake("KAFKA_REPLY_TIMEOUT: is longer than KAFKA_REPLY_TIMEOUT_MAX")
        }
        bodyLimit = reader.bytes(
            "HTTP_BODY_LIMIT", default: 1_000_000, in: 1...67_108_864,
            help: "Largest request body (bytes); a larger one is answered 413.")
        depthLimit = reader.integer(
            "JSON_DEPTH_LIMIT", default: 64, in: 1...BridgeLimits.maxDepth - 1,
            help: "How deeply the JSON of a request may be nested; deeper is answered 400.")
        let directory = reader.string(
            "SERVICES_DIR", default: "deploy/openapi",
            help: "Directory of the OpenAPI documents (YAML), one for each service; read again at SIGHUP.")
        source = ServiceDefinition.Source(
            directory: directory, defaultTimeout: timeout, longestTimeout: longest)
        guard loads else {
            services = []
            return
        }
        let (services, mistakes) = source.load()
        self.services = services
        for mistake in mistakes { reader.mistake("SERVICES_DIR: \(mistake)") }
    }
}
