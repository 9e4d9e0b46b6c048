import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

/// Asks admin ports for `/report`, and resolvers for addresses.
struct PeerClient: Sendable {
    /// Why a peer has not answered.
    private struct Failure: Error, CustomStringConvertible { let description: String }

    /// Bytes of a report that are read: some 1,000 series of histograms.
    static let longestReport = 2 << 20

    private let client: HTTPClient
    private let eventLoop: any EventLoop
    /// For resolvers, which block.
    private let threads = NIOThreadPool(numberOfThreads: 1)

    /// - Parameter eventLoop: that everything runs on.
    init(on eventLoop: any EventLoop) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        // Less than the 30 s after which an admin server closes.
        configuration.connectionPool.idleTimeout = .seconds(10)
        self.eventLoop = eventLoop
        client = HTTPClient(eventLoopGroupProvider: .shared(eventLoop), configuration: configuration)
        threads.start()
    }

    func stop() async throws {
        try await client.shutdown()
        try await threads.shutdownGracefully()
    }

    func report(of target: PeerAddresses.Target) -> EventLoopFuture<ByteBuffer> {
        do {
            let request = try HTTPClient.Request(url: "http://\(target.address.text)/report")
            let answer = client.execute(
                request: request,
                delegate: ResponseAccumulator(request: request, maxBodySize: Self.longestReport),
                eventLoop: .delegateAndChannel(on: eventLoop), deadline: .now() + ConsoleFeed.patience)
            return answer.futureResult.flatMapThrowing { response in
                guard response.status == .ok, let body = response.body else {
                    throw Failure(description: "answers \(response.status.code)")
                }
                return body
            }.flatMapErrorThrowing { throw Failure(description: Self.reason($0)) }
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case is ResponseAccumulator.ResponseTooBigError:
            "answers more than \(longestReport) bytes"
        case let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout:
            NoAnswer(within: ConsoleFeed.patience).description
        default: "\(error)"
        }
    }

    func addresses(of name: String) -> EventLoopFuture<Result<[String], PeerAddresses.Failure>> {
        threads.runIfActive(eventLoop: eventLoop) { Self.resolve(name) }
            .recover { .failure(.unknown(reason: "\($0)")) }
    }

    /// Blocks.
    private static func resolve(_ name: String) -> Result<[String], PeerAddresses.Failure> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &first)
        defer { if let first { freeaddrinfo(first) } }
        // EAI_NODATA (netdb.h): the name has no address.
        guard status == 0 else {
            return .failure(
                status == EAI_NONAME || status == -5
                    ? .noSuchName : .unknown(reason: String(cString: gai_strerror(status))))
        }
        var addresses: [String] = []
        for entry in sequence(first: first, next: { $0?.pointee.ai_next }) {
            guard let entry = entry?.pointee else { break }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard status == 0 else { continue }
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let address = String(decoding: bytes, as: UTF8.self)
            if !addresses.contains(address) { addresses.append(address) }
        }
        return .success(addresses)
    }
}
