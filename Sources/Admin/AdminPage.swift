import Foundation
public import NIOCore
public import NIOHTTP1

/// What an admin port answers.
public struct AdminPage: Sendable {
    let status: HTTPResponseStatus
    let contentType: String
    let headers: [(String, String)]
    let body: ByteBuffer

    /// - Parameter headers: besides those that each answer has.
    public init(
        _ status: HTTPResponseStatus = .ok, contentType: String,
        headers: [(String, String)] = [], body: ByteBuffer
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    public static func json(_ json: ByteBuffer) -> AdminPage {
        AdminPage(contentType: "application/json; charset=utf-8", body: json)
    }

    static func json(_ status: HTTPResponseStatus, _ value: some Encodable) -> AdminPage {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(value) else {
            return text(.internalServerError, "Internal Server Error")
        }
        return AdminPage(
            status, contentType: "application/json; charset=utf-8", body: ByteBuffer(bytes: data))
    }

    static func text(_ status: HTTPResponseStatus, _ text: String) -> AdminPage {
        AdminPage(status, contentType: "text/plain; charset=utf-8", body: ByteBuffer(string: text + "\n"))
    }

    /// - Parameter path: relative, for who comes through a proxy that has put something in front.
    public static func found(_ path: String) -> AdminPage {
        AdminPage(
            .found, contentType: "text/plain; charset=utf-8", headers: [("location", path)],
            body: ByteBuffer(string: path + "\n"))
    }
}

/// Further pages of one process's admin port.
public protocol AdminPages: Sendable {
    var paths: Set<String> { get }

    /// On the watching thread.
    ///
    /// - Parameter report: what `/report` answers.
    func page(
        _ path: String, report: @escaping @Sendable () -> EventLoopFuture<ByteBuffer>
    ) -> EventLoopFuture<AdminPage>
}
