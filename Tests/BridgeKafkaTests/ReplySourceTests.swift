import Testing

@testable import bridge_kafka

@Suite struct ReplySourceTests {
    @Test func bridgesUnderstandEachOther() {
        for source in [ReplySource.partition(0), .partition(9999), .instance("a"), .instance("host:1")] {
            #expect(ReplySource(source.text) == source)
        }
        #expect(ReplySource(partition: 3, instance: "a").number(of: 8) == 3)
        #expect(
            ReplySource(partition: nil, instance: "a").number(of: 8)
                == ReplyPartition.of(instance: "a", partitions: 8))
    }

    @Test(arguments: [
        "", "partition", "partition:", "partition:-1", "partition:10000", "instance:", "other:1", ":",
    ])
    func whatIsNoSourceIsNone(_ text: String) {
        #expect(ReplySource(text) == nil)
    }
}
