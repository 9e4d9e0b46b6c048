"""A client that takes nothing is dropped at its cap; the process does not grow, and nobody else notices."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from harness.clock import running
from harness.history import History, Update, faults
from harness.processes import Process
from harness.raw import RawPolling, RawWebSocket
from harness.recovering import RecoveringClient
from harness.redis import Redis
from harness.updates import EVENT, Updates

MIB = 1 << 20
CAP = MIB
FLOOD, SIZE = 10_000, 1500
#: No more than an unoptimized edge-ws passes on, so that others are not late for that.
PER_SECOND = 500
OTHERS = 10
#: What the process may gain beside the cap: buffers on the way from Redis, and what the allocator keeps of them.
SLACK = 6 * MIB


@dataclass
class Watch:
    """Other clients, and how late each update came to them (s)."""

    user: str
    late: list[float] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)

    def client(self) -> RecoveringClient:
        client, history = RecoveringClient(user=self.user), History(f"client {len(self.histories)}", self.user)
        self.histories.append(history)

        def note(event: list) -> None:
            self.late.append(running(event[1]["sent"]))
            history.updates.append(Update(event[1]["userId"], event[1]["number"]))

        client.on_event = note
        return client

    def figures(self) -> str:
        ordered = sorted(self.late)
        return ", ".join(f"{name} {ordered[int(len(ordered) * part)] * 1000:.1f} ms" for name, part in (("p50", 0.5), ("p99", 0.99))) + (
            f", latest {ordered[-1] * 1000:.1f} ms of {len(ordered)}")


class Trickle:
    """An update of the other user every 10 ms until it is stopped."""

    def __init__(self, redis: Redis, user: str):
        self.updates, self.user, self.sent = Updates(redis, f"trickle-{user}"), user, 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.sent += 1
            self.updates.publish(self.user, {"userId": self.user, "number": self.sent, "sent": time.monotonic()})
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def flood(redis: Redis, user: str, process: Process) -> int:
    """Sends them evenly, and returns the most memory that the process had meanwhile and a second after."""
    updates, most, start = Updates(redis, f"flood-{user}"), 0, time.monotonic()
    step = PER_SECOND // 100
    for first in range(1, FLOOD + 1, step):
        data = [{"userId": user, "number": number, "padding": "x" * SIZE} for number in range(first, first + step)]
        await asyncio.to_thread(updates.publish, user, *data)
        most = max(most, process.memory())
        await asyncio.sleep(max(0, start + (first + step) / PER_SECOND - time.monotonic()))
    for _ in range(50):
        await asyncio.sleep(0.02)
        most = max(most, process.memory())
    return most


async def scenario(process: Process, port: int, host: str, redis_port: int, user: str) -> None:
    watch = Watch(f"{user}-other")
    clients = [watch.client() for _ in range(OTHERS)]
    with Redis(host, redis_port) as one, Redis(host, redis_port) as two:
        try:
            for client in clients:
                await client.connect(port)
            trickle = Trickle(one, watch.user)
            await asyncio.sleep(1)
            before, usual = process.memory(), watch.figures()
            watch.late.clear()
            grown = await flood(two, user, process) - before
            await trickle.stop()
            await asyncio.gather(*(client.until(lambda history=history: len(history.updates) == trickle.sent) for client, history in zip(
                clients, watch.histories)))
        finally:
            for client in clients:
                await client.close()
    print(f"memory grew by {grown / MIB:.1f} MiB; others before: {usual}; while {FLOOD} updates were sent: {watch.figures()}")
    assert faults({watch.user: list(range(1, trickle.sent + 1))}, watch.histories) == []
    assert max(watch.late) < 2, "others had to wait"
    assert grown < CAP + SLACK, f"{grown / MIB:.1f} MiB"


def slow_consumers(process: Process) -> int:
    process.stop()
    return int(process.wait_log("summary")["slowConsumers"])


@pytest.mark.long
def test_a_websocket_that_reads_no_more(stack):
    with stack.replica("edge-ws-slow", WS_BUFFER_LIMIT=CAP) as process:
        port = stack.ports[process.name]
        slow = RawWebSocket(port, "reads-no-more", receive_buffer=4096)
        try:
            asyncio.run(scenario(process, port, stack.redis_host, stack.redis_port, "reads-no-more"))
            events = slow.events()
        finally:
            slow.close()
        print(f"the slow client was sent {len(events)} updates before it was dropped")
        assert 0 < len(events) < FLOOD and all(event[0] == EVENT for event in events)
        assert [event[1]["number"] for event in events] == list(range(1, len(events) + 1))
        assert slow_consumers(process) == 1


@pytest.mark.long
def test_a_polling_client_that_polls_no_more(stack):
    with stack.replica("edge-ws-slow", WS_BUFFER_LIMIT=CAP) as process:
        port = stack.ports[process.name]
        slow = RawPolling(port, "polls-no-more")
        asyncio.run(scenario(process, port, stack.redis_host, stack.redis_port, "polls-no-more"))
        answer = slow.get()
        assert (answer.status, answer.json()["code"]) == (400, 1), "its session is gone"
        assert slow_consumers(process) == 1


@pytest.mark.long
def test_what_a_client_missed_waits_until_it_reads(stack):
    """It is far more than the cap and more than the kernel's buffers hold; live updates come behind it."""
    user, missed, live = "reads-late", 90, 5
    data = [{"userId": user, "number": number, "padding": "x" * 64_000} for number in range(1, missed + 1)]
    data += [{"userId": user, "number": missed + number} for number in range(1, live + 1)]
    with stack.replica("edge-ws-slow", WS_BUFFER_LIMIT=CAP // 4) as process, Redis(stack.redis_host, stack.redis_port) as redis:
        port, updates = stack.ports[process.name], Updates(redis, f"missed-{user}")
        earlier = RawWebSocket(port, user, receive_buffer=65_536)
        earlier.close()
        updates.publish(user, *data[:missed])
        late = RawWebSocket(port, user, receive_buffer=65_536, pid=earlier.pid)
        try:
            assert late.pid == earlier.pid
            updates.publish(user, *data[missed:])
            time.sleep(2)
            assert [late.event()[1]["number"] for _ in data] == list(range(1, missed + live + 1))
        finally:
            late.close()
        assert slow_consumers(process) == 0
