import HTTPTypes
import NIOCore
import Operations
import ResponseCache
import Testing

@testable import edge_http

@Suite struct CacheTests {
    @Test func readsWhatAClientAsks() {
        #expect(CacheDirectives(nil) == CacheDirectives("private, x=1, \"no-cache\""))
        #expect(CacheDirectives("No-Cache").noCache)
        #expect(CacheDirectives("max-age=5 , no-store").noStore)
        for (field, age) in [
            ("max-age=5", 5), ("max-age=\"5\"", 5), ("MAX-AGE = 5", 5), ("max-age=5, max-age=3", 3),
            ("max-age", 0),
            ("max-age=-1", 0), ("max-age=x", 0),
        ] { #expect(CacheDirectives(field).maxAge == age, "\(field)") }
    }

    private func status(_ found: ResponseCache.Found, _ field: String? = nil) -> String {
        CacheStatus(found, CacheDirectives(field), lifetime: .seconds(10)).field
    }

    private func fresh(age: Int) -> ResponseCache.Found {
        .fresh(
            .init(status: 200, contentType: "application/json", body: ByteBuffer(string: "{}")),
            age: .milliseconds(age), at: 0)
    }

    @Test func saysHowAnAnswerCameAbout() {
        #expect(status(fresh(age: 2500)) == "vy-gateway; hit; ttl=7")
        #expect(status(fresh(age: 2500), "no-cache") == "vy-gateway; fwd=request")
        #expect(status(fresh(age: 2500), "max-age=2") == "vy-gateway; fwd=request")
        #expect(status(fresh(age: 2500), "max-age=3") == "vy-gateway; hit; ttl=7")
        #expect(status(fresh(age: 1), "max-age=0") == "vy-gateway; fwd=request")
        #expect(status(.nothing(at: 0, wasStale: false), "no-cache") == "vy-gateway; fwd=miss")
        #expect(status(.nothing(at: 0, wasStale: true)) == "vy-gateway; fwd=stale")
        #expect(status(.unavailable) == "vy-gateway; fwd=bypass")
    }

    private func caching(
        isCacheable: Bool, allowsCardData: Bool = false, hasKey: Bool = false
    ) -> OperationCaching {
        OperationCaching(
            Route(
                method: "POST", path: "/t/x", topic: "t", successStatus: 200, timeout: .seconds(1),
                isCacheable: isCacheable, allowsCardData: allowsCardData),
            caller: "c", body: ByteBuffer(string: "{}"), hasKey: hasKey, [.cacheControl: "no-cache"])
    }

    @Test func onlyWhatIsCacheableIsRead() {
        let key = ResponseCache.key(caller: "c", method: "POST", path: "/t/x", body: ByteBuffer(string: "{}"))
        #expect(caching(isCacheable: true) == .reads(key: key, CacheDirectives("no-cache")))
        #expect(caching(isCacheable: true, hasKey: true) == .passes)
        #expect(caching(isCacheable: true, allowsCardData: true) == .passes)
        #expect(caching(isCacheable: false) == .changes)
        #expect(caching(isCacheable: false, hasKey: true) == .changes)
    }
}
