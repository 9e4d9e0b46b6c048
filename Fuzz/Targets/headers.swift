import Foundation
import HTTPTypes
import NIOCore
import Operations
import RawJSON

@testable import Authentication
@testable import Shared

/// The fields of a request, one in a line; and each line as a date, an address and a token.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let lines = buffer(data, size).readableBytesView.split(separator: 0x0A)
        .map { String(decoding: $0, as: UTF8.self) }
    var headers = HTTPFields()
    for line in lines.prefix(32) {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, let name = HTTPField.Name(String(parts[0])) {
            headers.append(HTTPField(name: name, value: String(parts[1])))
        }
    }
    preferences(headers[RequestRules.preferField])
    directives(headers[.cacheControl])
    requestID(headers)
    content(headers)
    idempotencyKey(headers)
    addresses(headers, lines.prefix(8))
    if let token = Authenticator.bearerToken(headers[.authorization]) {
        require(!token.isEmpty && !token.hasPrefix(" "), "no token")
        require(Authenticator.bearerToken("bearer  \(token)") == token, "another token")
        check(token)
    }
    if let trace = RequestRules.trace(headers) {
        require(trace.parent.utf8.count == 55, "no traceparent")
        require(TraceContext(parent: trace.parent, state: trace.state) == trace, "another trace")
    }
    if let field = headers[.retryAfter] { retryAfter(field, date: headers[.date], size) }
    return 0
}

private func preferences(_ field: String?) {
    let preferences = Preferences(field)
    if let wait = preferences.wait {
        require((0...86_400).contains(wait) && (wait > 0 || preferences.respondsAsync), "a wrong wait")
    }
    let route = Duration.seconds(30)
    let timeout = preferences.timeout(route)
    require(timeout > .zero && timeout <= route, "a deadline that is no shorter")
    let applied = Preferences(preferences.applied(to: route, isAccepted: true))
    require(applied.respondsAsync, "not applied what was")
    require(applied.timeout(route) == timeout, "applied another deadline")
    require(applied.wait == (timeout < route ? preferences.wait : nil), "applied another wait")
}

private func directives(_ field: String?) {
    let directives = CacheDirectives(field)
    require(directives.maxAge.map { $0 >= 0 } ?? true, "an age below 0")
    let more = CacheDirectives((field ?? "") + ", No-Store ,max-age=0")
    require(more.noStore && more.maxAge == 0 && more.noCache == directives.noCache, "not what was added")
}

private func requestID(_ headers: HTTPFields) {
    let id = RequestRules.requestID(headers, fallback: "fallback")
    require((1...128).contains(id.utf8.count), "a long id")
    require(id.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"'\\<>{}".utf8.contains($0) }, "harmful")
    require(!CardNumber.isIn(id), "a card number")
    require(
        RequestRules.requestID([RequestRules.requestIDField: id], fallback: "other") == id, "another id")
}

private func content(_ headers: HTTPFields) {
    var headers = headers
    check(.unsupportedMediaType) { () throws(Problem) in try RequestRules.checkContentType(headers) }
    check(.notAcceptable) { () throws(Problem) in try RequestRules.checkAccept(headers) }
    headers[.contentEncoding] = nil
    headers[.contentType] = "Application/JSON; charset=\"UTF-8\""
    require((try? RequestRules.checkContentType(headers)) != nil, "JSON is refused")
    headers[.accept] = (headers[.accept] ?? "") + ", */*;q=0.1"
    require((try? RequestRules.checkAccept(headers)) != nil, "anything is taken, and JSON is not")
}

private func check(_ status: HTTPResponse.Status, _ rule: () throws(Problem) -> Void) {
    do throws(Problem) { try rule() } catch {
        require(error.status == status, "another status")
        let document = error.document(requestID: "id", instance: nil)
        require((try? RawJSON.validate(document)) == .object, "a problem that is no JSON")
    }
}

private func idempotencyKey(_ headers: HTTPFields) {
    var given: String?
    check(.badRequest) { () throws(Problem) in given = try RequestRules.idempotencyKey(headers) }
    guard let given else { return }
    require((1...255).contains(given.utf8.count) && !given.utf8.contains(0x22), "no key")
    let quoted: HTTPFields = [RequestRules.idempotencyKeyField: "\"\(given)\""]
    require((try? RequestRules.idempotencyKey(quoted)) == given, "another key in quotes")
}

private func addresses(_ headers: HTTPFields, _ lines: ArraySlice<String>) {
    let entries = RequestRules.forwardedFor(headers)
    let joined: HTTPFields = [RequestRules.forwardedForField: entries.joined(separator: " ,, ")]
    require(RequestRules.forwardedFor(joined) == entries, "other entries in one field")

    for line in lines {
        guard let block = IPAddress.Block(line) else { continue }
        let parts = line.split(separator: "/")
        guard let first = parts.first, let address = IPAddress(String(first)) else {
            fatalError("no address")
        }
        require(block.contains(address) && address.network.network == address.network, "not in its block")
        require(parts.count == 2 || IPAddress(line) == address, "no block, and no address")
    }
    let blocks = lines.compactMap { IPAddress.Block($0) }
    let proxies = TrustedProxies(blocks)
    guard let peer = IPAddress("10.0.0.1"), let client = IPAddress("203.0.113.9") else {
        fatalError("no addresses")
    }
    let found = proxies.client(peer, forwardedFor: entries)
    require(found == peer || entries.contains { IPAddress($0) == found }, "nobody's address")
    func isTrusted(_ address: IPAddress) -> Bool { blocks.contains { $0.contains(address) } }
    require(isTrusted(peer) || found == peer, "a stranger is believed")
    // What a client has made up, in front of what is true of it, changes nothing.
    let truth = ["203.0.113.9"] + entries
    if !isTrusted(client) {
        require(
            proxies.client(peer, forwardedFor: ["192.0.2.1"] + truth)
                == proxies.client(peer, forwardedFor: truth), "made up, and believed")
    }
}

/// A token taken apart, and its claims, as they were if its signature were right.
private func check(_ text: String) {
    guard let token = try? SignedToken(text) else { return }
    require(text.utf8.count <= SignedToken.longest, "too long")
    require(text.utf8.starts(with: token.signed), "signed is something else")
    require(!text.utf8.dropFirst(token.signed.count + 1).contains(UInt8(ascii: ".")), "more than three parts")
    var rules = ClaimRules()
    rules.audience = "vy"
    rules.leeway = 5000
    let now: Int64 = 1_800_000_000_000
    guard let caller = try? rules.check(token.claims, now: now) else { return }
    require(UserID.isValid(caller.userID) && caller.expiresAt > now, "a caller that is none")
    require((try? rules.check(token.claims, now: caller.expiresAt)) == nil, "expired, and a caller")
}

private func retryAfter(_ field: String, date: String?, _ size: Int) {
    let now = 1_800_000_000
    if let delay = RetryAfter.delay(field, date: date, now: now) {
        require(delay >= .zero && delay <= RetryAfter.longest, "a wrong delay")
    }
    let text = HTTPDate.now(Date(timeIntervalSince1970: Double(now + 20 * size)))
    require(RetryAfter.delay(text, date: nil, now: now) == .seconds(20 * size), "another time")
}
