import Foundation
import Logging
import NIOPosix
import Testing

@testable import Shared

@Suite struct SupervisorRequestTests {
    private func request(_ values: [String: String]) -> SupervisorRequest {
        SupervisorRequest(processID: 12) { values[$0] }
    }

    @Test func withoutASocketThereIsNobodyToTell() {
        #expect(request([:]).address == nil)
        #expect(request(["WATCHDOG_USEC": "1000000"]).watchdog == nil)
        #expect(request(["NOTIFY_SOCKET": ""]) == request([:]))
    }

    @Test func addressesOfBothKinds() {
        #expect(request(["NOTIFY_SOCKET": "/run/n"]).address == Array("/run/n".utf8) + [0])
        #expect(request(["NOTIFY_SOCKET": "@n"]).address == [0] + Array("n".utf8))
    }

    @Test(arguments: ["vsock:2:1", "run/n", "/", "@", "/" + String(repeating: "n", count: 107)])
    func otherAddressesAreMistakes(_ name: String) {
        let request = request(["NOTIFY_SOCKET": name])
        #expect(request.address == nil && request.mistakes.count == 1)
    }

    @Test func theWatchdogIsForTheProcessThatItNames() {
        var values = ["NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "20000000"]
        #expect(request(values).watchdog == .seconds(20))
        values["WATCHDOG_PID"] = "12"
        #expect(request(values).watchdog == .seconds(20))
        values["WATCHDOG_PID"] = "13"
        #expect(request(values).watchdog == nil && request(values).mistakes.isEmpty)
    }

    @Test(arguments: ["0", "-1", "soon", "1.5"])
    func otherTimesAreMistakes(_ text: String) {
        let request = request(["NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": text])
        #expect(request.address != nil && request.watchdog == nil && request.mistakes.count == 1)
    }
}

@Suite struct NotifySocketTests {
    /// A bound datagram socket with its abstract name.
    private func receiver() throws -> (descriptor: CInt, address: [UInt8]) {
        let address = [0] + Array("vy-gateway-test-\(UInt64.random(in: 0...UInt64.max))".utf8)
        let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address) }
        let bound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sa_family_t>.size + address.count))
            }
        }
        try #require(bound == 0)
        return (descriptor, address)
    }

    @Test func aFullQueueIsToldAndNeverWaitedFor() throws {
        let (descriptor, address) = try receiver()
        defer { close(descriptor) }
        let socket = try #require(NotifySocket(address))
        #expect(socket.send("READY=1") == .sent)
        var outcome = NotifySocket.Outcome.sent
        for _ in 0..<10_000 where outcome == .sent { outcome = socket.send("WATCHDOG=1") }
        #expect(outcome == .full)
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(count), as: UTF8.self) == "READY=1")
        #expect(socket.send("STOPPING=1") == .sent)
    }

    @Test func aReceiverThatIsGoneIsAFailure() throws {
        let (descriptor, address) = try receiver()
        close(descriptor)
        #expect(NotifySocket(address)?.send("READY=1") == .failed(errno: ECONNREFUSED))
    }
}
