import HTTPTypes

/// What browsers are told about every answer (OWASP REST Security Cheat Sheet, "Security Headers").
enum SecurityHeaders {
    private static let frameOptions = name("x-frame-options")
    private static let referrerPolicy = name("referrer-policy")

    /// Adds them to an answer; what it says itself about caching and content stays.
    ///
    /// - Parameter isSecure: whether the answer goes over TLS, and only then can it demand that (RFC 6797 §7.2).
    static func apply(to fields: inout HTTPFields, isSecure: Bool) {
        fields[.xContentTypeOptions] = "nosniff"
        fields[frameOptions] = "DENY"
        fields[referrerPolicy] = "no-referrer"
        if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
        if fields[.contentSecurityPolicy] == nil {
            fields[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        }
        if isSecure { fields[.strictTransportSecurity] = "max-age=31536000" }
    }

    private static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no field name") }
        return name
    }
}
