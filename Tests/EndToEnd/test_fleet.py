"""Two bridges, three edge-http and three edge-ws under load, while each of them is restarted, and while bridges come and go."""

import asyncio
import json
import random
import time
from collections import Counter

import pytest
from harness.fleet import Fleet
from harness.history import History, Update, faults
from harness.recovering import RecoveringClient
from harness.steady import Outcomes, SteadyLoad

CREATE = "vy-finance-payments.payment-intents.create"
TOPIC = "payment-status-update"
USERS = 30


@pytest.fixture
def fleet():
    with Fleet("fleet").running() as stack:
        yield stack


class Listener(RecoveringClient):
    """Two of each user, of which every fifth polls."""

    def __init__(self, number: int):
        user = f"listener-{number % USERS}"
        super().__init__(user=user, transport="polling" if number % 5 == 4 else "websocket")
        self.history = History(f"client {number}", user)
        self.on_event = lambda event: self.history.updates.append(Update(event[1]["userId"], event[1]["number"]))


async def produce(stack: Fleet, produced: dict[str, list[int]], done: asyncio.Event) -> None:
    with stack.kafka.producer(TOPIC) as send:
        while not done.is_set():
            user = f"listener-{random.randrange(USERS)}"
            numbers = produced.setdefault(user, [])
            numbers.append(len(numbers) + 1)
            send(user, json.dumps({"id": f"pi-{user}", "userId": user, "number": numbers[-1], "status": "processing"}).encode())
            await asyncio.sleep(0.02)


async def under_load(stack: Fleet, disturb) -> tuple[Outcomes, list[str]]:
    """200 requests and 50 updates a second while `disturb` runs; what came of the requests, and what listeners missed."""
    listeners = [Listener(number) for number in range(2 * USERS)]
    produced: dict[str, list[int]] = {}
    done = asyncio.Event()
    load = SteadyLoad(stack.port)
    try:
        for listener in listeners:
            listener.keep(stack.port)
        await until(lambda: all(listener.connected for listener in listeners), 20)
        updates = asyncio.create_task(produce(stack, produced, done))
        requests = asyncio.create_task(load.run())
        # An edge that has only just connected takes a bridge's leave for a failed start.
        await asyncio.sleep(4)
        await asyncio.to_thread(disturb)
        await asyncio.sleep(1)
        load.stopped = True
        done.set()
        await updates
        outcomes = await requests
        await until(lambda: all(len(each.history.updates) >= len(produced[each.history.user]) for each in listeners), 15)
        # What comes twice would come now.
        await asyncio.sleep(1)
    finally:
        await asyncio.gather(*(listener.close() for listener in listeners))
    assert len(produced) == USERS
    return outcomes, faults(produced, [listener.history for listener in listeners])


async def until(check, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        await asyncio.sleep(0.05)


def restart(stack: Fleet, process, *, graceful: bool = True) -> None:
    process.terminate() if graceful else process.kill()
    code = process.wait(20)
    assert not graceful or code == 0
    process.start()
    stack.wait_started(process)
    if process in stack.own:
        stack.wait_ready(process)
    time.sleep(0.5)


def check_answers(outcomes: Outcomes, messages: Counter, allowed: set) -> None:
    """Without a key and further attempts: what was answered has one message, what was not sent or died with its bridge none."""
    assert len(outcomes.plain) > 500 and set(outcomes.counts()) <= {(201, ""), *allowed}, outcomes
    for name, answer in outcomes.plain.items():
        assert messages[name] == (1 if answer.status == 201 else 0), (name, answer)


def sent(stack: Fleet) -> Counter:
    return Counter(record["headers"].get("x-request-id") for record in stack.kafka.records(CREATE))


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_rolling_restart_of_everything(fleet):
    def disturb():
        for process in (*fleet.https, *fleet.bridges, *fleet.ws, fleet.redis):
            restart(fleet, process)
        fleet.wait_all_ready()

    outcomes, missed = asyncio.run(under_load(fleet, disturb))
    messages = sent(fleet)
    print(outcomes)
    failed = {name: answers for name, answers in outcomes.keyed.items() if answers[-1].status != 201}
    assert failed == {}
    assert {messages[name] for name in outcomes.keyed} == {1}
    check_answers(outcomes, messages, {(503, "not_sent")})
    assert missed == [], missed[:20]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_bridges_are_added_and_removed(fleet):
    """No reply is lost: who was told that the outcome is unknown has no message; it died with its bridge."""
    def disturb():
        for turn in range(6):
            restart(fleet, fleet.bridges[turn % 2], graceful=turn % 3 == 0)
            time.sleep(0.5)

    outcomes, missed = asyncio.run(under_load(fleet, disturb))
    messages = sent(fleet)
    print(outcomes)
    # A key sends its message once, so one whose message died stays unknown.
    died = {name for name, answers in outcomes.keyed.items() if answers[-1].status == 504}
    assert {answers[-1].status for answers in outcomes.keyed.values()} <= {201, 504} and len(died) < len(outcomes.keyed) / 20
    for name in outcomes.keyed:
        assert messages[name] == (0 if name in died else 1), (name, outcomes.keyed[name])
    check_answers(outcomes, messages, {(503, "not_sent"), (504, "unknown")})
    assert missed == [], missed[:20]
