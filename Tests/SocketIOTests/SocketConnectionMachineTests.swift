import NIOCore
import RawJSON
import Testing

@testable import SocketIO

@Suite final class SocketConnectionMachineTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private var machine = SocketConnectionMachine(connectTimeout: .seconds(45), now: start)

    private func text(_ text: String) -> WebSocketMessage { .text(ByteBuffer(string: text)) }

    private func join(_ namespace: String = "/") {
        _ = machine.received(text(namespace == "/" ? "0" : "0\(namespace),"))
        _ = machine.decided(namespace, refusal: nil, socketID: "s")
    }

    @Test func connects() {
        #expect(
            machine.received(text("0/n,{\"a\":1}"))
                == [.connect(namespace: "/n", auth: ByteBuffer(string: "{\"a\":1}"))])
        #expect(!machine.isJoined("/n"))
        #expect(
            machine.decided("/n", refusal: nil, socketID: "abc")
                == [
                    .send(ByteBuffer(string: "0/n,{\"sid\":\"abc\"}")), .connected(namespace: "/n"),
                ])
        #expect(machine.isJoined("/n"))
    }

    @Test func aRefusalLeavesTheConnectionOpen() {
        _ = machine.received(text("0/random,"))
        #expect(
            machine.decided("/random", refusal: ("Invalid namespace", nil), socketID: "s")
                == [.send(ByteBuffer(string: "4/random,{\"message\":\"Invalid namespace\"}"))])
        #expect(machine.received(text("0")) == [.connect(namespace: "/", auth: nil)])
    }

    @Test func connectsWithoutEndEndTheConnection() {
        for _ in 0..<SocketConnectionMachine.mostConnects {
            #expect(machine.received(text("0/random,")) == [.connect(namespace: "/random", auth: nil)])
            _ = machine.decided("/random", refusal: ("Invalid namespace", nil), socketID: "s")
        }
        #expect(machine.received(text("0")) == [.close(.forcedClose)])
        #expect(machine.received(text("0")) == [])
    }

    @Test func deliversEvents() {
        join()
        #expect(
            machine.received(text("212[\"e\",1]"))
                == [
                    .event(
                        .init(
                            namespace: "/", name: "e",
                            arguments: [JSONValue(text: ByteBuffer(string: "1"), kind: .number)],
                            attachments: [], ackID: 12))
                ])
    }

    @Test func putsBinaryEventsTogether() {
        join()
        let head = "52-[\"e\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]"
        #expect(machine.received(text(head)) == [])
        let (one, two) = (ByteBuffer(bytes: [1]), ByteBuffer(bytes: [2]))
        #expect(machine.received(.binary(one)) == [])
        guard case .event(let event)? = machine.received(.binary(two)).first else {
            Issue.record("no event")
            return
        }
        #expect(event.attachments == [one, two])
        #expect(event.arguments.count == 2)
    }

    @Test func textWithinABinaryEventEndsTheConnection() {
        join()
        _ = machine.received(text("51-[\"e\",{\"_placeholder\":true,\"num\":0}]"))
        #expect(machine.received(text("2[\"f\"]")).first == .close(.parseError))
    }

    @Test(arguments: ["abc", "2{}", "2abc[\"e\"]", "0", "4{}", "2/other,[\"e\"]", "2[\"connect\"]"])
    func faultsEndTheWholeConnection(_ packet: String) {
        join()
        #expect(
            machine.received(text(packet))
                == [.close(.parseError), .disconnected(namespace: "/", reason: "parse error")])
        #expect(machine.received(text("2[\"e\"]")) == [])
    }

    @Test func anUnexpectedBinaryEndsTheConnection() {
        join()
        #expect(machine.received(.binary(ByteBuffer())).first == .close(.parseError))
    }

    @Test func anEventBeforeTheDecisionEndsTheConnection() {
        _ = machine.received(text("0"))
        #expect(
            machine.received(text("2[\"e\"]"))
                == [.close(.parseError), .disconnected(namespace: "/", reason: "parse error")])
        #expect(machine.decided("/", refusal: nil, socketID: "s") == [])
    }

    @Test func aClientMayLeaveBeforeTheDecision() {
        _ = machine.received(text("0/n,"))
        #expect(
            machine.received(text("1/n,"))
                == [.disconnected(namespace: "/n", reason: "client namespace disconnect")])
        #expect(machine.decided("/n", refusal: nil, socketID: "s") == [])
    }

    @Test func leavingOneNamespaceLeavesTheOthers() {
        join()
        join("/custom")
        #expect(
            machine.received(text("1/custom,"))
                == [.disconnected(namespace: "/custom", reason: "client namespace disconnect")])
        #expect(machine.isJoined("/"))
        #expect(machine.received(text("1")).count == 1)
        #expect(machine.received(text("1")) == [])
    }

    @Test func theServerPutsAClientOut() {
        join("/n")
        #expect(
            machine.disconnect("/n")
                == [
                    .send(ByteBuffer(string: "1/n,")),
                    .disconnected(namespace: "/n", reason: "server namespace disconnect"),
                ])
        #expect(machine.disconnect("/n") == [])
    }

    @Test func closesWhoJoinsNothingInTime() {
        let deadline = Self.start + .seconds(45)
        #expect(machine.nextWakeUp == deadline)
        #expect(machine.tick(deadline - .nanoseconds(1)) == [])
        #expect(machine.tick(deadline) == [.close(.forcedClose)])
    }

    @Test func whoHasJoinedOnceMayStay() {
        join()
        _ = machine.received(text("1"))
        #expect(machine.nextWakeUp == nil)
    }

    @Test func aLostSessionEndsEveryNamespaceOnce() {
        join()
        join("/a")
        #expect(
            machine.sessionClosed(.pingTimeout)
                == [
                    .disconnected(namespace: "/", reason: "ping timeout"),
                    .disconnected(namespace: "/a", reason: "ping timeout"),
                ])
        #expect(machine.sessionClosed(.pingTimeout) == [])
    }

    @Test func passesOnAcknowledgements() throws {
        join()
        _ = machine.received(text("61-7[{\"_placeholder\":true,\"num\":0},2]"))
        let actions = machine.received(.binary(ByteBuffer(string: "x")))
        guard case .acknowledged("/", 7, let answer)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(
            answer.arguments.map { String(buffer: $0.text) } == ["{\"_placeholder\":true,\"num\":0}", "2"])
        #expect(answer.attachments == [ByteBuffer(string: "x")])
    }
}
