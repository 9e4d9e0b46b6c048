"""Replicas are killed and restarted one after another, and every client ends with each update of its user, once and in order."""

import asyncio
import itertools
import json
import random
import time

import pytest
from harness.history import History, Update, faults
from harness.recovering import RecoveringClient
from harness.stack import Stack

TOPIC = "payment-status-update"
REPLICAS = 3
CLIENTS = 300
USERS = 100
PER_SECOND = 50
SECONDS = 60


@pytest.fixture
def replicas():
    stack = Stack("replicas", replicas=REPLICAS)
    try:
        stack.start()
        yield stack
    finally:
        for process in stack.ws:
            if process.running:
                process.kill()
        stack.stop()


class Client(RecoveringClient):
    """Every tenth polls."""

    def __init__(self, number: int):
        user = f"user-{number % USERS}"
        super().__init__(user=user, transport="polling" if number % 10 == 9 else "websocket")
        self.history = History(f"client {number}", user)
        self.on_event = self.note

    def note(self, event: list) -> None:
        assert event[0] == TOPIC, event
        self.history.updates.append(Update(event[1]["userId"], event[1]["number"]))


async def produce(stack: Stack, produced: dict[str, list[int]], done: asyncio.Event) -> None:
    """Each user's updates have one key, so they are in one partition and in order."""
    with stack.kafka.producer(TOPIC) as send:
        start = time.monotonic()
        for count in range(PER_SECOND * SECONDS):
            user = f"user-{random.randrange(USERS)}"
            numbers = produced.setdefault(user, [])
            numbers.append(len(numbers) + 1)
            send(user, json.dumps({"id": f"pi-{user}", "userId": user, "number": numbers[-1], "status": "processing"}).encode())
            await asyncio.sleep(max(0, start + (count + 1) / PER_SECOND - time.monotonic()))
    done.set()


async def disturb(stack: Stack, done: asyncio.Event) -> int:
    """Kills a replica and restarts it, one after another; how often."""
    kills = 0
    for process in itertools.cycle(stack.ws):
        await asyncio.sleep(random.uniform(1, 2))
        if done.is_set():
            break
        process.kill()
        kills += 1
        await asyncio.sleep(random.uniform(0.2, 2))
        process.start()
        await asyncio.to_thread(stack.wait_started, process)
        await asyncio.to_thread(stack.wait_ready, process)
    return kills


async def wait(check, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return check()


async def scenario(stack: Stack) -> tuple[list[Client], dict[str, list[int]], int]:
    clients = [Client(number) for number in range(CLIENTS)]
    produced: dict[str, list[int]] = {}
    try:
        for client in clients:
            client.keep(stack.port)
        assert await wait(lambda: all(client.connected for client in clients), 20), "not all clients could connect"
        done = asyncio.Event()
        _, kills = await asyncio.gather(produce(stack, produced, done), disturb(stack, done))
        await wait(lambda: all(len(client.history.updates) >= len(produced.get(client.history.user, [])) for client in clients), 10)
        # What comes twice would come now.
        await asyncio.sleep(1)
    finally:
        await asyncio.gather(*(client.close() for client in clients))
    return clients, produced, kills


@pytest.mark.long
@pytest.mark.timeout(180)
def test_every_client_ends_with_every_update(replicas):
    clients, produced, kills = asyncio.run(scenario(replicas))
    found = faults(produced, [client.history for client in clients])
    reconnects = [recovered for client in clients for recovered in client.replies[1:]]
    print(
        f"{kills} kills, {sum(map(len, produced.values()))} updates, {sum(len(client.history.updates) for client in clients)} deliveries, "
        f"{len(reconnects)} reconnections of which {sum(reconnects)} recovered; {len(found)} faults")
    assert found == [], found[:20]
    assert all(reconnects), "a connection was not recovered"
    assert kills >= 2 * REPLICAS and len(reconnects) >= CLIENTS, "too little was disturbed to show anything"
