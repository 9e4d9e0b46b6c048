"""What the official Socket.IO Redis emitter publishes reaches those it is for, once, and nobody else."""

import asyncio
import itertools
import json
import threading

import msgpack
import pytest
import socketio
from harness.emitter import Emitter
from harness.processes import Process, wait_until
from harness.recovering import RecoveringClient
from harness.redis import Redis
from harness.sio import NAMESPACE
from harness.stack import Stack

# By the official emitter itself, for the room of the user `u1`.
OFFICIAL = bytes.fromhex(
    "93a7656d697474657283a47479706502a46461746192b57061796d656e742d7374617475732d75706461746582a6757365724964a27531a6737461747573a4444f4e45"
    "a36e7370b12f66696e616e63652d7061796d656e747383a5726f6f6d7391a7757365723a7531a5666c61677380a665786365707490")
STATUS = "payment-status-update"
REFUSED = "an emitter's message is not delivered"
names = itertools.count(1)


@pytest.fixture(scope="module")
def replicas(whole_stack):
    """Two that take emitters' messages."""
    with whole_stack.replica("edge-ws-on-1", WS_EMITTER="on") as first, whole_stack.replica("edge-ws-on-2", WS_EMITTER="on") as second:
        yield first, second
        assert first.running and second.running, first.tail() + second.tail()


@pytest.fixture
def ports(stack, replicas) -> list[int]:
    for process in replicas:
        stack.wait_ready(process)
    return [stack.ports[process.name] for process in replicas]


@pytest.fixture
def emitter(stack):
    with Redis(stack.redis_host, stack.redis_port) as redis:
        yield Emitter(redis)


@pytest.fixture
def users() -> list[str]:
    return [f"emitter-{next(names)}" for _ in range(3)]


class Receiver:
    """A python-socketio client that keeps every event, its name first."""

    def __init__(self, port: int, user: str | None, transport: str = "websocket"):
        self.events: list[list] = []
        self._changed = threading.Condition()
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        self.client.on("*", self._event, namespace=NAMESPACE)
        query = f"?userId={user}" if user is not None else ""
        self.client.connect(f"http://127.0.0.1:{port}{query}", transports=[transport], namespaces=[NAMESPACE], wait_timeout=10)

    def _event(self, *event) -> None:
        with self._changed:
            self.events.append(list(event))
            self._changed.notify_all()

    def wait(self, count: int) -> list[list]:
        """At least that many events, or what came within 10 s."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.events) >= count, 10)
            return list(self.events)

    def expect(self, *wanted: list) -> None:
        """Exactly these, after the last of which something else would have come, too."""
        assert self.wait(len(wanted)) == list(wanted)


@pytest.fixture
def receive(ports):
    made: list[Receiver] = []

    def connect(at: int, user: str | None, transport: str = "websocket") -> Receiver:
        made.append(Receiver(ports[at - 1], user, transport))
        return made[-1]

    yield connect
    for receiver in made:
        receiver.client.disconnect()


def room(user: str) -> str:
    return f"user:{user}"


END = ["end", 0]


def end(emitter: Emitter, *users: str) -> None:
    """The last event of each of these users; it follows what came on the same channel."""
    for user in users:
        emitter.emit(*END, rooms=[room(user)])


def test_the_official_emitters_own_bytes(receive, emitter):
    mine, other = receive(1, "u1"), receive(1, "u2")
    assert emitter.publish(f"socket.io#{NAMESPACE}#user:u1#", OFFICIAL) == 1
    end(emitter, "u1", "u2")
    mine.expect([STATUS, {"userId": "u1", "status": "DONE"}], END)
    other.expect(END)


def test_a_room_of_two_replicas_and_both_transports(receive, emitter, users):
    mine = [receive(at, users[0], transport) for at in (1, 2) for transport in ("websocket", "polling")]
    others = [receive(1, users[1]), receive(2, users[1], "polling"), receive(1, users[2])]
    data = {"id": 9007199254740993, "text": "é\"\n/", "none": None, "list": [1.5, True, -1, [], {}]}
    assert emitter.emit("changed", data, rooms=[room(users[0])]) >= 2, "both replicas, since both hold the user"
    end(emitter, *users)
    for receiver in mine:
        receiver.expect(["changed", data], END)
    for receiver in others:
        receiver.expect(END)


def test_only_replicas_that_hold_the_user_are_told(receive, emitter, users):
    mine = receive(1, users[0])
    assert emitter.emit("a", 1, rooms=[room(users[0])]) == 1
    assert emitter.emit("b", 2, rooms=[room(users[1])]) == 0
    end(emitter, users[0])
    mine.expect(["a", 1], END)
    mine.client.disconnect()
    wait_until(lambda: emitter.emit("c", 3, rooms=[room(users[0])]) == 0, 5, "the end of the subscription")


def test_several_rooms(receive, emitter, users):
    receivers = [receive(at, user) for user in users for at in (1, 2)]
    emitter.emit("two", {"n": 1}, rooms=[room(users[0]), room(users[1]), "no-such-room"])
    # One room, by an emitter that publishes it like several.
    body = ["emitter", {"type": 2, "data": ["one", 2], "nsp": NAMESPACE}, {"rooms": [room(users[2])]}]
    emitter.publish(emitter.channel(), msgpack.packb(body))
    emitter.emit(*END)
    for receiver in receivers[:4]:
        receiver.expect(["two", {"n": 1}], END)
    for receiver in receivers[4:]:
        receiver.expect(["one", 2], END)


def test_everyone_and_everyone_but(receive, emitter, users):
    first, second, nobody = receive(1, users[0]), receive(2, users[1], "polling"), receive(2, None)
    emitter.emit("all", [1])
    emitter.emit("but", [2], without=[room(users[0])])
    emitter.emit("both", [3], rooms=[room(users[0]), room(users[1])], without=[room(users[1])])
    emitter.emit(*END)
    first.expect(["all", [1]], ["both", [3]], END)
    second.expect(["all", [1]], ["but", [2]], END)
    nobody.expect(["all", [1]], ["but", [2]], END)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_binary(receive, emitter, users, transport):
    mine = receive(1, users[0], transport)
    blob = bytes(range(256)) * 4
    emitter.emit("file", {"name": "x", "content": blob, "parts": [b"", b"\x00"]}, blob, rooms=[room(users[0])])
    emitter.emit("file", *[b""] * 11, rooms=[room(users[0])])
    end(emitter, users[0])
    mine.expect(["file", {"name": "x", "content": blob, "parts": [b"", b"\x00"]}, blob], END)


def refused(process: Process) -> list[dict]:
    return [entry for entry in process.log_entries() if entry["message"] == REFUSED]


def test_what_is_not_for_here_or_cannot_be_read(stack, replicas, receive, emitter, users):
    mine, earlier = receive(1, users[0]), len(refused(replicas[0]))
    channel = emitter.channel(room(users[0]))
    bad = [OFFICIAL[:count] for count in range(len(OFFICIAL))] + [
        OFFICIAL, b"{}", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x91" * 100_000, b"\x81\xa1a" * 100_000,
        b"\xc6\xff\xff\xff\xffx", bytes(range(256)) * 1000, b"\x00" * 2_000_000,
    ]
    for body in bad:
        assert emitter.publish(channel, body) == 1
        emitter.publish(emitter.channel(), body)
    for event in (["connect", 1], ["disconnect"], ["x", b""] + [b""] * 10, [1], []):
        emitter.emit(*event, rooms=[room(users[0])])
    emitter.emit("other", 1, rooms=[room(users[0])], nsp="/other")
    emitter.emit("huge", "x" * 1_100_000, rooms=[room(users[0])])
    emitter.emit("good", 1, rooms=[room(users[0])])
    stack.kafka.produce(STATUS, json.dumps({"id": "pi", "userId": users[0]}).encode(), key=users[0])
    assert [event[:2] for event in mine.wait(2)] == [["good", 1], [STATUS, {"id": "pi", "userId": users[0]}]]
    # The official bytes were right for the namespace's channel, and seven events were wrong.
    expected = 2 * len(bad) - 1 + 7
    wait_until(lambda: len(refused(replicas[0])) - earlier >= expected, 10, "the refusals in the log")
    refusals = refused(replicas[0])[earlier:]
    reasons = " ".join(entry["reason"] for entry in refusals)
    assert len(refusals) == expected
    assert all(word in reasons for word in ("truncated", "tooDeep", "reservedByte", "another namespace", "longer than", "tooMany")), reasons


def test_off_unless_asked_for(stack, emitter, users):
    receiver = Receiver(stack.ports["edge-ws-1"], users[0])
    try:
        assert emitter.emit("x", 1, rooms=[room(users[0])]) == 0
        emitter.emit("x", 1)
        stack.kafka.produce(STATUS, json.dumps({"id": "pi", "userId": users[0]}).encode(), key=users[0])
        assert [event[0] for event in receiver.wait(1)] == [STATUS]
    finally:
        receiver.client.disconnect()


def test_another_key_of_the_emitter_and_what_is_counted(stack, emitter, users):
    with stack.replica("edge-ws-key", WS_EMITTER="on", WS_EMITTER_PREFIX="shop") as process:
        receiver = Receiver(stack.ports[process.name], users[0])
        emitter.emit("not for here", 1)
        shop = Emitter(emitter.redis, key="shop")
        shop.emit("room", 1, rooms=[room(users[0])])
        shop.publish(shop.channel(), b"garbage")
        end(shop, users[0])
        receiver.expect(["room", 1], END)
        receiver.client.disconnect()
        assert process.wait_log(REFUSED)["reason"].startswith("MessagePack")
        process.stop()
        summary = process.wait_log("summary")
        assert (summary["emitterEvents"], summary["emitterRefused"]) == ("2", "1")


@pytest.mark.disturbs
def test_again_after_redis_was_away(stack: Stack, replicas, receive, users):
    mine = [receive(1, users[0]), receive(2, users[0], "polling")]
    stack.redis.kill()
    stack.repair()
    for process in replicas:
        stack.wait_ready(process)
    with Redis(stack.redis_host, stack.redis_port) as redis:
        emitter = Emitter(redis)
        wait_until(lambda: emitter.emit("back", 1, rooms=[room(users[0])]) == 2, 10, "both subscriptions")
        for receiver in mine:
            wait_until(lambda receiver=receiver: receiver.events and receiver.events[-1] == ["back", 1], 10, "the event")


@pytest.mark.parametrize("event", [["text", "at the end"], ["nothing but a name"]])
def test_clients_that_recover_keep_their_offset(stack, ports, emitter, users, event):
    """They take any string at the end of an event for it. What was emitted while they were away is not recovered."""

    async def scenario():
        client = RecoveringClient(user=users[0])
        try:
            await client.connect(ports[0])
            await update(1)
            assert await client.until(lambda: len(client.events) == 1)
            offset = client.offset
            emitter.emit(*event, rooms=[room(users[0])])
            assert await client.until(lambda: len(client.events) == 2)
            assert client.events[1] == [*event, None] and client.offset == offset
            await client.drop()
            emitter.emit("missed", 1, rooms=[room(users[0])])
            await update(2)
            await client.connect(ports[1])
            assert client.recovered
            assert await client.until(lambda: len(client.events) == 3)
            await asyncio.sleep(0.2)
            assert [item[1].get("number") for item in client.events if item[0] == STATUS] == [1, 2]
            assert len(client.events) == 3
        finally:
            await client.close()

    async def update(number: int) -> None:
        value = json.dumps({"id": "pi", "userId": users[0], "number": number})
        await asyncio.to_thread(stack.kafka.produce, STATUS, value.encode(), key=users[0])
        history = f"vy:user:{{{users[0]}}}:history"
        await asyncio.to_thread(wait_until, lambda: emitter.redis("XLEN", history) == number, 10, "the update in Redis")

    asyncio.run(scenario())
