"""Clients of edge-http, which send again as docs/contracts.md says."""

import asyncio
import json
import random
import time

from harness.extra import token
from harness.stack import SERVICE

from .http import Connection, Gone, Refused
from .history import Answer, Attempt, Fetch

CREATE = "vy-finance-payments.payment-intents.create"
CONFIRM = "vy-finance-payments.payment-intents.confirm"
PATHS = {CREATE: f"{SERVICE}/payment-intents", CONFIRM: f"{SERVICE}/payment-intents/confirm"}
#: How long (s) a client waits for an answer: longer than any deadline and any fault.
PATIENCE = 40.0
#: How the service is told to answer, and how often.
REPLIES = {"": 60, "twice": 8, "stream": 4, "stream-split-end": 4, "stream-lost-end": 1, "rpc-402": 5, "internal-error": 3, "text": 3, "null": 3, "silent": 1}
#: Bytes of a body that fills sockets.
LARGE = 300_000


class Wish:
    """What a caller wants: one body, under one token, maybe with one key."""

    def __init__(self, operation: str, user: str, token: str, key: str, fields: dict, demo: dict, pad: int = 0):
        self.operation, self.user, self.token, self.key, self.reply = operation, user, token, key, demo.get("reply", "")
        #: How long (s) the service takes.
        self.delay = demo.get("delayMs", 0) / 1000
        metadata = {"token": token, "demo": demo} | ({"pad": "x" * pad} if pad else {})
        self.document = {**fields, "metadata": metadata}
        self.body = json.dumps(self.document, separators=(",", ":")).encode()
        self.attempts: list[Attempt] = []
        #: With those that nobody took, so that each has an id of its own.
        self.tries = 0

    @property
    def answer(self) -> Answer | None:
        """What the service answered, as far as the client knows."""
        return next((answer for attempt in self.attempts for answer in attempt.answers if answer.is_from_service), None)

    @property
    def locations(self) -> list[tuple[str, Attempt]]:
        return [(answer.location, attempt) for attempt in self.attempts for answer in attempt.answers if answer.location]


def demo(chance: random.Random) -> dict:
    """How the service is to answer: mostly at once, sometimes after the deadline."""
    instructions: dict = {}
    if reply := chance.choices(list(REPLIES), list(REPLIES.values()))[0]:
        instructions["reply"] = reply
    if delay := chance.choices((0, chance.randint(1, 400), chance.randint(400, 2500), chance.randint(3200, 4500)), (60, 25, 12, 3))[0]:
        instructions["delayMs"] = delay
    return instructions


class Caller:
    """One user; asks for one payment after another until told to stop. `ports` gives the port of an edge-http by its name."""

    def __init__(self, user: str, seed: str, ports: dict[str, int], *, pause: float, is_flooded):
        self.user, self.ports, self.pause, self.is_flooded = user, ports, pause, is_flooded
        self.chance = random.Random(f"{seed}/{user}")
        self.authorization = {"Authorization": f"Bearer {token(sub=user, exp=time.time() + 3600)}"}
        self.wishes: list[Wish] = []
        self.fetches: list[Fetch] = []
        self.stopped = False
        self._connections: dict[str, Connection] = {}
        self._numbers = 0

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for wish in self.wishes for attempt in wish.attempts]

    async def run(self) -> None:
        while not self.stopped:
            await asyncio.sleep(self.pause * self.chance.uniform(0.2, 1.8))
            created = self._wish(CREATE, {"amount": 1999, "currency": "usd", "userId": self.user})
            answer = await self._pursue(created)
            if answer is None or self.stopped or b'"id":"pi_' not in answer.body:
                continue
            fields = {"id": json.loads(answer.body)["id"]}
            await self._pursue(self._wish(CONFIRM, fields))

    def _wish(self, operation: str, fields: dict) -> Wish:
        self._numbers += 1
        token = f"{self.user}.{self._numbers}"
        key = f"key-{token}" if self.chance.random() < 0.6 else ""
        instructions = demo(self.chance)
        # The choices above are made in any case, so that a flood changes no later one.
        pad = LARGE if self.is_flooded(self._edge()) else 0
        wish = Wish(operation, self.user, token, key, fields, instructions, pad)
        self.wishes.append(wish)
        return wish

    def _edge(self) -> str:
        """Mostly the one before."""
        names = sorted(self.ports)
        if self.chance.random() < 0.2 or self._last not in names:
            self._last = self.chance.choice(names)
        return self._last

    _last = ""

    async def _pursue(self, wish: Wish) -> Answer | None:
        """Sends it, again where that is safe, and comes back with the service's answer or none."""
        rivals = 2 if wish.key and self.chance.random() < 0.15 else 1
        if rivals == 2:
            await asyncio.gather(*(self._attempt(wish, edge, Connection(self.ports[edge])) for edge in sorted(self.ports)[:2]))
        for again in range(6):
            if rivals == 1 or again > 0:
                edge = self._edge()
                await self._attempt(wish, edge)
            if wish.answer is not None or self.stopped or not await self._may_repeat(wish):
                break
        return wish.answer

    async def _may_repeat(self, wish: Wish) -> bool:
        """Waits as long as it was told to. Without a key only what was certainly not sent may be sent again."""
        last = wish.attempts[-1] if wish.attempts else None
        answer = last.answer if last else None
        if answer is None:
            # Refused by an edge that is away, or lost.
            await asyncio.sleep(0.2)
            return last is None or bool(wish.key)
        if answer.outcome == "not_sent" and answer.status == 503:
            await asyncio.sleep(min(2, answer.problem.get("retryAfter", 1)) * self.chance.uniform(0.3, 1))
            return True
        if wish.key and answer.status in (409, 504):
            await asyncio.sleep(self.chance.uniform(0.2, 1))
            return True
        if answer.location:
            self._last = self.chance.choice(sorted(self.ports))
            await self.fetch(answer.location, last, self._last)
        return False

    async def _attempt(self, wish: Wish, edge: str, connection: Connection | None = None) -> None:
        own = connection is not None
        connection = connection or self._connections.setdefault(edge, Connection(self.ports[edge]))
        wish.tries += 1
        attempt = Attempt(
            f"{wish.token}.{wish.tries}", wish.token, self.user, edge, wish.operation, time.monotonic(), wish.key,
            wish.document.get("id", ""), wish.reply)
        wish.attempts.append(attempt)
        headers = {"Content-Type": "application/json", "X-Request-Id": attempt.id, **self.authorization}
        if wish.key:
            headers["Idempotency-Key"] = wish.key
        elif self.chance.random() < 0.05:
            headers["Prefer"] = "respond-async"
        try:
            attempt.answers = await connection.ask("POST", PATHS[wish.operation], headers, wish.body, PATIENCE)
        except Refused:
            wish.attempts.remove(attempt)
            await asyncio.sleep(0.1)
        except Gone:
            attempt.gave_up = "lost"
        except TimeoutError:
            attempt.gave_up = "silence"
        finally:
            attempt.ended = time.monotonic()
            if own:
                connection.close()

    # In the end

    async def fetch(self, location: str, attempt: Attempt, edge: str, *, other: dict | None = None) -> Fetch | None:
        """What is at an operation; None when the edge is away. `other`: another caller's Authorization, to whom it is nothing."""
        connection = Connection(self.ports[edge])
        try:
            answers = await connection.ask("GET", location, self.authorization, b"", PATIENCE)
            fetch = Fetch(location, attempt.id, answers[0])
            if other is not None:
                fetch.others = (await connection.ask("GET", location, other, b"", PATIENCE))[0].status
        except (Refused, Gone, TimeoutError):
            return None
        finally:
            connection.close()
        return fetch

    async def retry(self, wish: Wish) -> None:
        """Sends it once more, at any replica."""
        edge = self.chance.choice(sorted(self.ports))
        await self._attempt(wish, edge, Connection(self.ports[edge]))

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
