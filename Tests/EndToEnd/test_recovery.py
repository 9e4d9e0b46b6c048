"""Connection state recovery: what a client has missed comes once and in order, at any replica; nobody gets what is not theirs."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator

import pytest
from harness.recovering import RecoveringClient
from harness.redis import Redis
from harness.stack import Stack
from harness.updates import Updates

TOPIC = "payment-status-update"
names = itertools.count(1)


@pytest.fixture
def user() -> str:
    return f"recovery-{next(names)}"


@pytest.fixture
def first(stack: Stack) -> int:
    return stack.ports["edge-ws-1"]


@pytest.fixture
def second(stack: Stack) -> int:
    return stack.ports["edge-ws-2"]


async def update(stack: Stack, user: str, *numbers: int) -> None:
    """Updates of the user, which are in Redis when this returns."""
    for number in numbers:
        value = json.dumps({"id": "pi", "userId": user, "number": number}, separators=(",", ":"))
        await asyncio.to_thread(stack.kafka.produce, TOPIC, value.encode(), key=user)
        for _ in range(200):
            if value in await asyncio.to_thread(stack.redis_cli, "xrevrange", history(user), "+", "-", "count", "1"):
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"update {number} of {user} is not in Redis")


def history(user: str) -> str:
    return f"vy:user:{{{user}}}:history"


def numbers(client: RecoveringClient) -> list[int]:
    return [event[1]["number"] for event in client.events if event[0] == TOPIC]


@contextlib.asynccontextmanager
async def clients(*made: RecoveringClient) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for client in made:
            await client.close()


async def expect(client: RecoveringClient, *wanted: int) -> None:
    """Exactly these so far, and no more within a while."""
    await client.until(lambda: len(client.events) >= len(wanted), 5)
    await asyncio.sleep(0.3)
    assert numbers(client) == list(wanted)


async def served(stack: Stack, user: str, client: RecoveringClient, port: int, events: int = 1) -> None:
    """Connects, gets the user's first updates, and loses the connection."""
    await client.connect(port)
    await update(stack, user, *range(1, events + 1))
    await expect(client, *range(1, events + 1))
    await client.drop()


def run(scenario) -> None:
    asyncio.run(scenario)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_what_was_missed_comes_once_and_in_order(stack, user, first, second, transport):
    async def scenario():
        client = RecoveringClient(user=user, transport=transport)
        async with clients(client):
            await client.connect(first)
            assert client.pid and not client.recovered
            before = client.sid, client.pid
            await update(stack, user, 1, 2)
            await expect(client, 1, 2)
            for port, missed in ((second, 3), (first, 5), (first, 7)):
                await client.drop()
                await update(stack, user, missed, missed + 1)
                await client.connect(port)
                assert client.recovered
                assert (client.sid, client.pid) == before
                await expect(client, *range(1, missed + 2))
            await update(stack, user, 9)
            await expect(client, *range(1, 10))
        assert all(event[0] == TOPIC and isinstance(event[2], str) and len(event) == 3 for event in client.events)
        assert len({event[2] for event in client.events}) == 9, "each has an offset of its own"

    run(scenario())


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_more_was_missed_than_may_wait_for_a_client(stack, user, transport):
    """It comes in parts, and what is sent meanwhile behind it."""
    count, live, limit = 90, 10, 65_536

    async def scenario(port: int):
        client = RecoveringClient(user=user, transport=transport)
        async with clients(client):
            await client.connect(port)
            await client.drop()
            with Redis(stack.redis_host, stack.redis_port) as redis:
                updates = Updates(redis, f"missed-{user}")
                data = [{"userId": user, "number": number, "padding": "x" * 4096} for number in range(1, count + live + 1)]
                await asyncio.to_thread(updates.publish, user, *data[:count])
                await client.connect(port)
                assert client.recovered
                await asyncio.to_thread(updates.publish, user, *data[count:])
            await expect(client, *range(1, count + live + 1))
            assert client.connected and len(client.replies) == 2

    with stack.replica(WS_BUFFER_LIMIT=limit) as other:
        run(scenario(stack.ports[other.name]))


@pytest.mark.disturbs
@pytest.mark.parametrize("events", [0, 1])
def test_recovers_at_the_other_replica_after_kill_9(stack, user, first, second, events):
    """Also a client that has never got an event, and so has no offset."""

    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await client.connect(first)
            await update(stack, user, *range(1, events + 1))
            await expect(client, *range(1, events + 1))
            stack.ws[0].kill()
            assert await client.until(lambda: client.lost)
            await update(stack, user, events + 1, events + 2)
            assert (client.offset is None) == (events == 0)
            await client.connect(second)
            assert client.recovered
            await update(stack, user, events + 3)
            await expect(client, *range(1, events + 4))

    run(scenario())


@pytest.mark.disturbs
@pytest.mark.parametrize("register", [False, True])
def test_connected_while_redis_was_away(stack, user, first, second, register):
    """It has a `pid`, or an offset, all the same, and so recovers later."""

    async def scenario():
        client = RecoveringClient(register=user) if register else RecoveringClient(user=user)
        async with clients(client):
            stack.redis.kill()
            await client.connect(first)
            assert client.pid
            if register:
                assert await client.until(lambda: client.offset), "no user-registered"
                client.events.clear()
            # Not in another thread, with which it would end.
            stack.redis.start()
            await asyncio.to_thread(stack.repair)
            await update(stack, user, 1)
            await expect(client, 1)
            await client.drop()
            await update(stack, user, 2)
            await client.connect(second)
            assert client.recovered
            await expect(client, 1, 2)

    run(scenario())


@pytest.mark.parametrize("earlier", [0, 2])
def test_nothing_that_came_before_the_client(stack, user, first, second, earlier):
    async def scenario():
        client = RecoveringClient(user=user)
        await update(stack, user, *range(1, earlier + 1))
        async with clients(client):
            await client.connect(first)
            await client.drop()
            await client.connect(second)
            assert client.recovered
            await expect(client)
            await client.drop()
            await update(stack, user, 3)
            await client.connect(first)
            assert client.recovered
            await expect(client, 3)

    run(scenario())


def test_the_old_connection_is_still_half_open(stack, user, first, second):
    """Neither at the same replica nor at another one does the new connection get anything twice, nor do the user's others."""

    async def scenario():
        old, other = RecoveringClient(user=user), RecoveringClient(user=user)
        async with clients(old, other):
            await old.connect(first)
            await other.connect(second)
            await update(stack, user, 1)
            await expect(old, 1)
            old.abandon()
            await update(stack, user, 2)
            for port, last in ((first, 3), (second, 4)):
                new = RecoveringClient(user=user)
                async with clients(new):
                    new.pid, new.offset = old.pid, old.offset
                    await new.connect(port)
                    assert new.recovered and new.sid == old.sid
                    await expect(new, *range(2, last))
                    await update(stack, user, last)
                    await expect(new, *range(2, last + 1))
                    await expect(other, *range(1, last + 1))

    run(scenario())


def test_a_user_registered_by_event(stack, user, first, second):
    async def scenario():
        client = RecoveringClient(register=user)
        async with clients(client):
            await served(stack, user, client, first)
            await update(stack, user, 2)
            await client.connect(second)
            assert client.recovered
            await update(stack, user, 3)
            await expect(client, 1, 2, 3)

    run(scenario())


# Not recovered: a plain connection with a pid of its own, which gets what comes later and nothing from before.


async def is_fresh(stack: Stack, client: RecoveringClient, user: str, earlier: str | None) -> None:
    assert not client.recovered
    assert client.pid and client.pid != earlier
    count = len(client.events)
    await update(stack, user, 100)
    await client.until(lambda: len(client.events) > count, 5)
    await asyncio.sleep(0.2)
    assert numbers(client)[count:] == [100]


@pytest.mark.parametrize("missed, recovered", [([], True), ([2], False)])
def test_the_window_is_over(stack, user, missed, recovered):
    """Where nothing was missed there is nothing that could be too old."""

    async def scenario(port: int):
        client = RecoveringClient(user=user)
        async with clients(client):
            await served(stack, user, client, port)
            await update(stack, user, *missed)
            await asyncio.sleep(1.2)
            earlier = client.pid
            await client.connect(port)
            if recovered:
                assert client.recovered
            else:
                await is_fresh(stack, client, user, earlier)

    with stack.replica(WS_RECOVERY_WINDOW=1000) as other:
        run(scenario(stack.ports[other.name]))


# Not ("del", 0): a client that has had nothing cannot tell a history that is gone from one that never began.
@pytest.mark.parametrize("command, events", [("xtrim maxlen 1", 0), ("xtrim maxlen 1", 1), ("del", 1)])
def test_the_history_does_not_reach_back(stack, user, first, second, command, events):
    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await served(stack, user, client, first, events)
            await update(stack, user, 2, 3)
            name, *words = command.split()
            stack.redis_cli(name, history(user), *words)
            earlier, since = client.pid, time.monotonic()
            await client.connect(second)
            assert time.monotonic() - since < 3, "it waited for what does not come"
            await is_fresh(stack, client, user, earlier)

    run(scenario())


def test_an_offset_from_before_an_unrecovered_connection(stack, user, first, second):
    """The official client keeps its offset when it gets a new pid: what lies between the two is not missed but given up."""

    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await served(stack, user, client, first)
            await update(stack, user, 2, 3)
            await client.connect(first, {})
            assert not client.recovered
            await client.drop()
            await update(stack, user, 4)
            await client.connect(second)
            assert client.recovered
            await expect(client, 1, 4)

    run(scenario())


def test_a_pid_of_another_user(stack, user, first, second):
    async def scenario():
        owner, stranger = RecoveringClient(user=user), RecoveringClient(user=f"{user}-stranger")
        async with clients(owner, stranger):
            await served(stack, user, owner, first)
            await update(stack, user, 2)
            for payload in ({"pid": owner.pid, "offset": owner.offset}, {"pid": owner.pid}):
                stranger.pid = owner.pid
                await stranger.connect(second, payload)
                await is_fresh(stack, stranger, f"{user}-stranger", owner.pid)
                # Its own pid, and the place of another user's update.
                earlier = stranger.pid
                await stranger.drop()
                await stranger.connect(second, {"pid": earlier, "offset": owner.offset})
                await is_fresh(stack, stranger, f"{user}-stranger", earlier)
                await stranger.drop()
            assert set(numbers(stranger)) == {100}
            await owner.connect(second)
            assert owner.recovered
            await expect(owner, 1, 2)

    run(scenario())


@pytest.mark.parametrize("pid", [
    "", "x", None, 1, True, [], {}, "é☃\u0000", "A" * 20_000, "end", "start", "shorter", "longer"],
    ids=lambda pid: repr(pid)[:12])
def test_a_forged_or_garbled_pid(stack, user, first, pid):
    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await served(stack, user, client, first)
            good = client.pid
            forged = {
                "end": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"), "start": ("A" if good[0] != "A" else "B") + good[1:],
                "shorter": good[:-1], "longer": good + "A",
            }.get(pid, pid) if isinstance(pid, str) else pid
            client.pid = forged
            await client.connect(first, {"pid": forged, "offset": client.offset})
            await is_fresh(stack, client, user, good)

    run(scenario())


@pytest.mark.parametrize("offset", [
    "", "x", None, 1, [], {}, "/", "-/u", "1-1", "1-1/", "/USER", "x-1/USER", "-1-1/USER", "99999999999999999999999-0/USER", "1-1/USER/USER",
    "0" * 20_000 + "/USER"], ids=lambda offset: repr(offset)[:16])
def test_a_garbled_offset(stack, user, first, offset):
    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await client.connect(first)
            await client.drop()
            pid = client.pid
            await client.connect(first, {"pid": pid, "offset": offset.replace("USER", user) if isinstance(offset, str) else offset})
            await is_fresh(stack, client, user, pid)

    run(scenario())


def test_an_offset_that_is_still_to_come(stack, user, first):
    """Whatever the client says it has: later updates reach it."""

    async def scenario():
        client = RecoveringClient(user=user)
        async with clients(client):
            await served(stack, user, client, first)
            await client.connect(first, {"pid": client.pid, "offset": f"99999999999999-0/{user}"})
            await update(stack, user, 2)
            await expect(client, 1, 2)

    run(scenario())
