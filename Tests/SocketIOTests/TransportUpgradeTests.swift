import NIOCore
import Testing

@testable import SocketIO

@Suite struct TransportUpgradeTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static let probe = EnginePacket.ping(ByteBuffer(string: "probe"))

    private func begun() -> TransportUpgrade {
        var upgrade = TransportUpgrade(timeout: .seconds(10))
        #expect(upgrade.begin(Self.start) == true)
        return upgrade
    }

    @Test func probesAndTakesOver() {
        var upgrade = begun()
        #expect(!upgrade.isProbed)
        #expect(upgrade.received(Self.probe) == .probed(ByteBuffer(string: "probe")))
        #expect(upgrade.isProbed)
        #expect(upgrade.received(.upgrade) == .upgraded)
        #expect(!upgrade.isUnderWay)
        #expect(upgrade.deadline == nil)
    }

    @Test func hasOneCandidateAtATime() {
        var upgrade = begun()
        #expect(upgrade.begin(Self.start) == false)
        upgrade.end()
        #expect(upgrade.begin(Self.start) == true)
    }

    @Test(arguments: [nil, EnginePacket.upgrade, .close, .noop, .ping(ByteBuffer()), .message(ByteBuffer())])
    func failsByAnythingElse(_ packet: EnginePacket?) {
        var upgrade = begun()
        #expect(upgrade.received(packet) == .failed)
        #expect(!upgrade.isUnderWay)
        #expect(upgrade.received(Self.probe) == nil)
    }

    @Test func failsAfterTheProbe() {
        var upgrade = begun()
        _ = upgrade.received(Self.probe)
        #expect(upgrade.received(.message(ByteBuffer(string: "a"))) == .failed)
    }

    @Test func runsOutOfTime() {
        var upgrade = begun()
        _ = upgrade.received(Self.probe)
        #expect(upgrade.deadline == Self.start + .seconds(10))
        #expect(upgrade.expired(Self.start + .seconds(9)) == false)
        #expect(upgrade.isUnderWay)
        #expect(upgrade.expired(Self.start + .seconds(10)) == true)
        #expect(!upgrade.isUnderWay)
        #expect(upgrade.expired(Self.start + .seconds(11)) == false)
    }
}
