import KafkaClient
import Testing

@testable import bridge_kafka

@Suite struct StatusAccessTests {
    @Test func aGroupIsRefusedUntilItAssignsSomethingOrNothing() {
        for partitions in [[TopicPartition("a", 0)], []] {
            var access = StatusAccess()
            #expect(access.problem == nil)
            access.refused(nil, "JoinGroup failed")
            access.refused(nil, "JoinGroup failed")
            access.assigned(partitions)
            #expect(access.problem == nil)
        }
    }

    @Test func whoHasRecordsIsInTheGroup() {
        var access = StatusAccess()
        access.refused(nil, "FindCoordinator failed")
        access.refused("b", "b: failed")
        access.received("a")
        #expect(access.problem == "b: failed")
    }

    @Test func aTopicThatIsMissingIsNotRefused() {
        var access = StatusAccess()
        access.refused("a", "a: failed")
        access.failed(nil)
        #expect(access.problem == "a: failed")
        access.failed("a")
        #expect(access.problem == nil)
    }

    @Test func aTopicIsRefusedUntilItIsAssigned() {
        var access = StatusAccess()
        access.refused("a", "a: failed")
        access.refused("b", "b: failed")
        #expect(access.problem == "a: failed; b: failed")
        access.assigned([TopicPartition("a", 0), TopicPartition("c", 1)])
        #expect(access.problem == "b: failed", "the group goes on without it")
        access.assigned([TopicPartition("a", 0), TopicPartition("b", 0)])
        #expect(access.problem == nil)
    }

    @Test func aTopicIsRefusedUntilARecordOfItComes() {
        var access = StatusAccess()
        access.assigned([TopicPartition("a", 0), TopicPartition("b", 0)])
        access.refused("a", "Fetch failed")
        access.received("b")
        #expect(access.problem == "Fetch failed")
        access.received("a")
        #expect(access.problem == nil)
    }
}
