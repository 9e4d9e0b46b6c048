import OutboundHTTP
public import Shared

extension ActiveCampaign {
    /// The settings `ACTIVE_CAMPAIGN_*` and `REST_TIMEOUT`.
    public struct Settings: Sendable {
        /// Where the account's API is, without a slash at the end.
        let url: String
        let key: String
        /// The tag that contacts get; nil: none.
        let tag: Int?
        /// Of one call.
        let timeout: Duration
        /// Attempts for one contact, after which it is a dead letter.
        let attempts: Int
        /// Of all replicas together.
        let callsPerSecond: Int

        /// Nil when ActiveCampaign is not to be told.
        public static func read(_ reader: inout SettingsReader) -> Settings? {
            let timeout = reader.milliseconds(
                "REST_TIMEOUT", default: 5000, in: 1...600_000,
                help: "Deadline (ms) of one outbound HTTP call, its whole answer included.")
            let account = reader.optionalString(
                "ACTIVE_CAMPAIGN_NAME",
                help: "ActiveCampaign account that is told of who has paid; needs ACTIVE_CAMPAIGN_API_KEY.")
            let key = reader.secret("ACTIVE_CAMPAIGN_API_KEY", help: "API key of that account.")
            let url = reader.optionalString(
                "ACTIVE_CAMPAIGN_URL",
                help: "Base URL of ActiveCampaign's API; by default https://NAME.api-us1.com of the account.")
            let tag = reader.optionalInteger(
                "ACTIVE_CAMPAIGN_TAG_ID", in: 1...Int(Int32.max),
                help: "Id of the tag that contacts get; none by default.")
            let attempts = reader.integer(
                "ACTIVE_CAMPAIGN_ATTEMPTS", default: 12, in: 1...100,
                help: "Attempts for one contact, by default over some 20 minutes; then it is a dead letter.")
            let rate = reader.integer(
                "ACTIVE_CAMPAIGN_RATE", default: 5, in: 1...100,
                help: "Calls of ActiveCampaign per second that all replicas together make.")
            if let account, !isAccount(account) {
                reader.mistake(
                    "ACTIVE_CAMPAIGN_NAME: '\(account)' is no account; it is the first part of the account's host name"
                )
            }
            if let key, !key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
                reader.mistake("ACTIVE_CAMPAIGN_API_KEY: has characters that no key has")
            }
            let base = url.flatMap(OutboundCall.baseURL)
            if let url, base == nil {
                reader.mistake(
                    "ACTIVE_CAMPAIGN_URL: '\(url)' is no http or https URL of a host, without a query")
            }
            guard let account, let key else {
                if account != nil || key != nil {
                    reader.mistake("ACTIVE_CAMPAIGN_NAME and ACTIVE_CAMPAIGN_API_KEY: set both or neither")
                }
                return nil
            }
            return Settings(
                url: base ?? "https://\(account).api-us1.com", key: key, tag: tag, timeout: timeout,
                attempts: attempts, callsPerSecond: rate)
        }

        /// A label of a host name (RFC 1123 §2.1).
        private static func isAccount(_ name: String) -> Bool {
            (1...63).contains(name.utf8.count) && !name.hasPrefix("-") && !name.hasSuffix("-")
                && name.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "-")
                }
        }
    }
}
