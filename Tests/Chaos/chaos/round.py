"""One round: a fresh stack, load, the faults of a seed, a calm end, and the history of it all."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass

from .callers import Caller, Wish
from .faults import FaultRunner, bridge_of
from .history import History
from .schedule import Fault, schedule
from .sockets import EVENT, SocketClient
from .stack import ChaosStack
from .truth import read_requests, read_updates


@dataclass
class Plan:
    seed: str
    seconds: float = 60
    #: Requests per second in all, roughly.
    rate: float = 60
    #: Seconds between faults on average.
    pace: float = 1.5
    users: int = 12
    #: Only faults at these kinds of processes.
    targets: tuple[str, ...] = ()
    bridges: int = 2
    replicas: int = 2
    #: With librdkafka's mock cluster as the broker.
    mock: bool = False

    @property
    def shared(self) -> bool:
        """Whether the edges know all bridges: in two of three rounds."""
        return random.Random(f"{self.seed}/shared").random() < 0.67

    def stack(self, name: str = "chaos") -> ChaosStack:
        return ChaosStack(name, bridges=self.bridges, replicas=self.replicas, mock=self.mock, shared=self.shared)

    def __str__(self) -> str:
        return (
            f"round {self.seed}: {self.seconds:.0f} s, {self.bridges} bridges of which each edge knows {'all' if self.shared else 'one'}, "
            f"{self.replicas} replicas of each edge, {'mock cluster' if self.mock else 'broker'}")

    def faults(self, stack: ChaosStack) -> list[Fault]:
        names = [process.name for process in stack.processes]
        chosen = [name for name in names if not self.targets or any(name.startswith(target) for target in self.targets)]
        return schedule(self.seed, self.seconds, chosen, pace=self.pace)


class Round:
    def __init__(self, plan: Plan, stack: ChaosStack, say=print):
        self.plan, self.stack, self.say = plan, stack, say
        self.runner = FaultRunner(stack)
        https = {process.name: stack.ports[process.name] for process in stack.https}
        replicas = {process.name: stack.ports[process.name] for process in stack.ws}
        # Four of five requests come over HTTP.
        each = plan.users / (plan.rate * 0.8)
        self.callers = [
            Caller(f"user-{n}", plan.seed, https, pause=each, is_flooded=self._is_flooded) for n in range(plan.users)]
        # Two sockets for each user.
        count = 2 * plan.users
        self.sockets = [
            SocketClient(n, f"user-{n % plan.users}", plan.seed, replicas, pause=count / (plan.rate * 0.2) * 1.75) for n in range(count)]

    def _is_flooded(self, edge: str) -> bool:
        return self.runner.flooded.get(bridge_of(edge, len(self.stack.bridges)), 0) > 0

    async def run(self) -> History:
        history = History(self.plan.seed)
        faults = self.plan.faults(self.stack)
        for fault in faults:
            self.say(f"  {fault}")
        load: list[asyncio.Task] = []
        on_sockets: list[asyncio.Task] = []
        feed = asyncio.create_task(self._feed())
        try:
            await self._connect()
            start = time.monotonic()
            load = [asyncio.create_task(caller.run()) for caller in self.callers]
            on_sockets = [asyncio.create_task(run) for socket in self.sockets for run in (socket.run(), socket.cut_now_and_then())]
            await self.runner.run(faults, start)
            over = time.monotonic()
            self.runner.look()
            await asyncio.sleep(max(0, start + self.plan.seconds - time.monotonic()))
            for client in (*self.callers, *self.sockets):
                client.stopped = True
            for task in (*on_sockets, feed):
                task.cancel()
            history.complaints += await asyncio.to_thread(self.stack.wait_until_well, 30)
            well = time.monotonic()
            await asyncio.gather(*load)
            self.say(f"  faults over after {over - start:.1f} s, all ready after {well - start:.1f} s, all answered after {time.monotonic() - start:.1f} s")
            await self._until(lambda: not any(socket.is_waiting for socket in self.sockets), 15)
            await self._settle()
        finally:
            for task in (*load, *on_sockets, feed):
                task.cancel()
            for client in self.callers:
                client.close()
            await asyncio.gather(*(socket.finish() for socket in self.sockets))
        history.attempts = [attempt for client in (*self.callers, *self.sockets) for attempt in client.attempts]
        history.fetches = [fetch for caller in self.callers for fetch in caller.fetches]
        history.listeners = [socket.listener for socket in self.sockets]
        history.requests = await asyncio.to_thread(read_requests, self.stack.kafka)
        history.updates = await asyncio.to_thread(read_updates, self.stack.kafka)
        history.incidents = self.runner.incidents
        history.complaints += self.runner.complaints
        return history

    async def _connect(self) -> None:
        for socket in self.sockets:
            socket.keep_at_any()
        await self._until(lambda: all(socket.connected for socket in self.sockets), 20)

    async def _feed(self) -> None:
        """Updates of all users, beside those of their payments."""
        chance = random.Random(f"{self.plan.seed}/feed")
        numbers: Counter[str] = Counter()
        while True:
            # A producer ends when it has lost its broker; what it has not sent by then nobody expects.
            with contextlib.suppress(OSError, AssertionError), self.stack.kafka.producer(EVENT, quiet=True) as send:
                while True:
                    await asyncio.sleep(chance.uniform(0.02, 0.15))
                    if self.runner.feed_paused:
                        continue
                    user = f"user-{chance.randrange(self.plan.users)}"
                    number = numbers[user] = numbers[user] + 1
                    # Some come twice, and some again after later ones: those must reach nobody.
                    again = [max(1, number - chance.randrange(3))] if chance.random() < 0.1 else []
                    for version in (number, *again):
                        send(user, json.dumps({"id": f"feed-{user}", "userId": user, "version": version, "status": "processing"}).encode())

    async def _settle(self) -> None:
        """All runs again: now whoever has a key or an operation must get what there is."""
        await asyncio.gather(*(
            caller.retry(wish) for caller in self.callers for wish in caller.wishes if wish.key and wish.attempts and wish.answer is None))
        await asyncio.sleep(max(0, self._last_reply() - time.monotonic()))
        replied = [
            request for request in await asyncio.to_thread(read_requests, self.stack.kafka)
            if any(reply.is_last or reply.error is not None for reply in request.replies)]
        operations = {request.correlation for request in replied}
        keys = {request.key for request in replied if request.key}
        await asyncio.gather(*(self._fetch_all(caller, operations, keys) for caller in self.callers))
        updates = await asyncio.to_thread(read_updates, self.stack.kafka)
        counts = Counter(update.user for update in updates)
        await self._until(lambda: all(len(socket.listener.updates) >= counts[socket.user] for socket in self.sockets), 15)
        # What comes twice would come now.
        await asyncio.sleep(0.7)

    def _last_reply(self) -> float:
        """When the service has answered everything. What it had not yet done when it was away, it does afterwards."""
        back = max((incident.ended for incident in self.runner.incidents if incident.target in ("demo", "broker")), default=0)
        return 1.5 + max((
            max(attempt.began, back) + wish.delay for caller in self.callers for wish in caller.wishes for attempt in wish.attempts), default=0)

    async def _fetch_all(self, caller: Caller, operations: set[str], keys: set[str]) -> None:
        other = next(each for each in self.callers if each is not caller).authorization
        await asyncio.gather(*(
            self._fetch(caller, location, attempt, other, location.rsplit("/", 1)[-1] in operations)
            for wish in caller.wishes for location, attempt in dict(wish.locations).items()))
        await asyncio.gather(*(
            self._retry(caller, wish) for wish in caller.wishes if wish.key in keys and wish.answer is None))

    @staticmethod
    async def _retry(caller: Caller, wish: Wish) -> None:
        for _ in range(2):
            if wish.answer is None:
                await caller.retry(wish)

    async def _fetch(self, caller: Caller, location: str, attempt, other: dict, is_answered: bool) -> None:
        """Asks until there is what must be there, for a while."""
        edges = sorted(caller.ports)
        end = time.monotonic() + 8
        while True:
            fetch = await caller.fetch(location, attempt, caller.chance.choice(edges), other=other)
            is_there = fetch is not None and fetch.answer.is_from_service and not fetch.is_pending
            if (is_there or not is_answered or time.monotonic() > end) and fetch is not None:
                caller.fetches.append(fetch)
                return
            if time.monotonic() > end:
                return
            await asyncio.sleep(0.3)

    @staticmethod
    async def _until(check, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not check() and time.monotonic() < end:
            await asyncio.sleep(0.05)


def summary(history: History) -> str:
    """What there was to check."""
    outcomes = Counter(
        f"{attempt.answer.status} {attempt.answer.outcome}".strip() if attempt.answer else attempt.gave_up for attempt in history.attempts)
    kinds = Counter(f"{incident.kind} {incident.target}" for incident in history.incidents)
    recovered = sum(recovered for listener in history.listeners for _, recovered in listener.connects[1:])
    return (
        f"{len(history.attempts)} attempts ({', '.join(f'{count} {name}' for name, count in outcomes.most_common())}), {len(history.requests)} messages, "
        f"{len(history.fetches)} operations, {len(history.updates)} updates, {sum(len(listener.updates) for listener in history.listeners)} deliveries, "
        f"{recovered} recoveries, {sum(kinds.values())} faults")
