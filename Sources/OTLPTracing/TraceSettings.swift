import Foundation
import OutboundHTTP
public import Shared

/// Where traces go and how many of them, by OpenTelemetry's environment variables.
public struct TraceSettings: Sendable {
    /// The collector's URL for traces.
    let url: String
    /// Fields of each call, such as the collector's credentials.
    let headers: [(name: String, value: String)]
    /// Of the traces that begin here; those that come in are sampled as their callers say.
    let ratio: Double
    /// How long a span waits for others to be sent with.
    let delay: Duration

    /// Nil where no traces are wanted.
    public static func read(_ reader: inout SettingsReader) -> TraceSettings? {
        let endpoint = reader.optionalString(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            help:
                "Base URL of an OpenTelemetry collector that traces are sent to (OTLP/HTTP with JSON, at `/v1/traces`); empty: none are made."
        )
        let list = reader.secret(
            "OTEL_EXPORTER_OTLP_HEADERS",
            help: "Header fields for the collector: `name=value`, percent-encoded, separated by commas.")
        let share = reader.string(
            "OTEL_TRACES_SAMPLER_ARG", default: "1",
            help:
                "Share (0 to 1) of the traces that begin here which are recorded; one that a client has begun is recorded if the client records it."
        )
        let delay = reader.milliseconds(
            "OTEL_BSP_SCHEDULE_DELAY", default: 5000, in: 10...60_000,
            help: "Time (ms) that a span waits for others to be sent with.")
        let ratio = Double(share).flatMap { (0...1).contains($0) ? $0 : nil }
        if ratio == nil { reader.mistake("OTEL_TRACES_SAMPLER_ARG: '\(share)' is no number from 0 to 1") }
        let headers = list.map(headers(in:)) ?? []
        if headers == nil {
            reader.mistake(
                "OTEL_EXPORTER_OTLP_HEADERS: must be name=value pairs, percent-encoded and separated by commas"
            )
        }
        guard let endpoint else { return nil }
        guard let base = OutboundCall.baseURL(endpoint) else {
            reader.mistake(
                "OTEL_EXPORTER_OTLP_ENDPOINT: '\(endpoint)' is no http or https URL of a host, without a query"
            )
            return nil
        }
        return TraceSettings(
            url: base + "/v1/traces", headers: headers ?? [], ratio: ratio ?? 1, delay: delay)
    }

    /// As in W3C Baggage, whose properties have no meaning here (OpenTelemetry, OTLP exporter, "Specifying headers").
    private static func headers(in list: String) -> [(name: String, value: String)]? {
        var headers: [(name: String, value: String)] = []
        for pair in list.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).trimmingSpaces }
            guard parts.count == 2, parts[0].isHTTPToken,
                let value = parts[1].removingPercentEncoding,
                value.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { return nil }
            headers.append((parts[0], value))
        }
        return headers
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
