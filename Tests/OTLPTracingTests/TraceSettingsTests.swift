import NIOCore
import Shared
import Testing

@testable import OTLPTracing

@Suite struct TraceSettingsTests {
    private func read(_ values: [String: String]) -> (TraceSettings?, mistakes: [String]) {
        var reader = SettingsReader(value: { values[$0] })
        let settings = TraceSettings.read(&reader)
        return (settings, reader.mistakes)
    }

    @Test func withoutACollectorThereAreNone() {
        #expect(read([:]).0 == nil)
        #expect(read([:]).mistakes.isEmpty)
    }

    @Test(arguments: ["http://otel:4318", "http://otel:4318/"])
    func aCollector(endpoint: String) throws {
        let (settings, mistakes) = read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc=, x-tenant = a",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
        ])
        #expect(mistakes.isEmpty)
        let found = try #require(settings)
        #expect(found.url == "http://otel:4318/v1/traces")
        #expect(found.headers.map(\.name) == ["Authorization", "x-tenant"])
        #expect(found.headers.map(\.value) == ["Basic abc=", "a"])
        #expect(found.ratio == 0.25)
    }

    @Test(arguments: [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://otel"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel/?a=b"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@otel"), ("OTEL_TRACES_SAMPLER_ARG", "half"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.1"), ("OTEL_TRACES_SAMPLER_ARG", "-1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"), ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d%0a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%"),
    ])
    func mistakes(name: String, value: String) throws {
        let mistakes = read([name: value]).mistakes
        #expect(mistakes.count == 1)
        let mistake = try #require(mistakes.first)
        #expect(mistake.hasPrefix("\(name): "))
        #expect(name != "OTEL_EXPORTER_OTLP_HEADERS" || !mistake.contains("secret"))
    }

    @Test(arguments: [
        (200, "{}", SpanBatches.Result.taken), (200, "", .taken), (202, "x", .taken),
        (200, #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"x"}}"#, .partlyTaken(rejected: 2)),
        (200, #"{"partialSuccess":{"rejectedSpans":3}}"#, .partlyTaken(rejected: 3)),
        (200, #"{"partialSuccess":{"errorMessage":"only a warning"}}"#, .taken),
        (400, "", .refused), (401, "", .refused), (404, "", .refused), (500, "", .refused),
        (429, "", .failed(retryAfter: .seconds(7))), (502, "", .failed(retryAfter: .seconds(7))),
        (503, "", .failed(retryAfter: .seconds(7))), (504, "", .failed(retryAfter: .seconds(7))),
    ])
    func answers(status: Int, body: String, result: SpanBatches.Result) {
        #expect(
            SpanExporter.result(status, retryAfter: .seconds(7), ByteBuffer(string: body)) == result)
    }
}
