import Foundation
import HTTPTypes
import Testing

@testable import edge_http

@Suite struct SecurityHeadersTests {
    @Test func whatAnAnswerSaysItselfStays() {
        var fields: HTTPFields = [.cacheControl: "no-cache", .contentSecurityPolicy: "default-src 'self'"]
        SecurityHeaders.apply(to: &fields, isSecure: false)
        #expect(fields[.cacheControl] == "no-cache")
        #expect(fields[.contentSecurityPolicy] == "default-src 'self'")
        #expect(fields[.xContentTypeOptions] == "nosniff")
        #expect(fields[.strictTransportSecurity] == nil)
    }

    @Test func overTLSBrowsersAreToldToStayThere() {
        var fields: HTTPFields = [:]
        SecurityHeaders.apply(to: &fields, isSecure: true)
        #expect(fields[.strictTransportSecurity] == "max-age=31536000")
        #expect(fields[.cacheControl] == "no-store")
    }

    @Test func datesAreWrittenAsInTheStandardsExample() {
        #expect(HTTPDate.now(Date(timeIntervalSince1970: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
