import Foundation
import Testing

@testable import Shared

@Suite struct FreeMemoryTests {
    /// Bytes of this process that are in memory.
    private func resident() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[1])) * 4096
    }

    @Test func whatLiesFreeBetweenBlocksInUseIsGivenBack() throws {
        let size = 1000
        let blocks = (0..<100_000).map { _ in
            let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
            memset(block, 1, size)
            return block
        }
        for (index, block) in blocks.enumerated() where index % 100 != 0 { block.deallocate() }
        let before = try resident()
        FreeMemory.giveBack(over: .max)
        #expect(try before - resident() < 30 << 20, "less is free")
        FreeMemory.giveBack(over: 1 << 20)
        #expect(try before - resident() > 30 << 20)
        for (index, block) in blocks.enumerated() where index % 100 == 0 { block.deallocate() }
    }
}
