"""Requests at a constant rate, whatever becomes of them; some with a key, which are sent again as docs/contracts.md says."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from .stack import SERVICE, intent

URL = "http://127.0.0.1:{}" + SERVICE + "/payment-intents"


@dataclass
class Answer:
    status: int
    outcome: str
    retry_after: float = 1
    detail: str = ""


@dataclass
class Outcomes:
    """By each request's name. A request without an answer has the error of its connection as outcome, and status 0."""

    plain: dict[str, Answer] = field(default_factory=dict)
    #: Of those with a key: all answers, the last of which is final.
    keyed: dict[str, list[Answer]] = field(default_factory=dict)

    def counts(self) -> Counter:
        return Counter((answer.status, answer.outcome) for answer in self.plain.values())

    def __str__(self) -> str:
        again = sum(len(answers) - 1 for answers in self.keyed.values())
        return f"{len(self.plain)} without a key: {dict(self.counts())}; {len(self.keyed)} with one, of which {again} more attempts"


class SteadyLoad:
    """`share`: of requests that carry a key. `delay`: ms that the service takes at most."""

    def __init__(self, port: int, *, per_second: float = 200, share: float = 0.5, delay: int = 100, prefix: str = "steady"):
        self.url, self.per_second, self.share, self.delay, self.prefix = URL.format(port), per_second, share, delay, prefix
        self.outcomes = Outcomes()
        self.stopped = False
        self.begun = 0

    async def run(self) -> Outcomes:
        """Until `stopped`, and until the last one is answered."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(30)) as session:
            start = time.monotonic()
            async with asyncio.TaskGroup() as group:
                while not self.stopped:
                    self.begun += 1
                    group.create_task(self._one(session, f"{self.prefix}-{self.begun}"))
                    await asyncio.sleep(max(0, start + self.begun / self.per_second - time.monotonic()))
        return self.outcomes

    async def _one(self, session: aiohttp.ClientSession, name: str) -> None:
        if random.random() >= self.share:
            self.outcomes.plain[name] = await self._ask(session, name, {})
            return
        answers = self.outcomes.keyed.setdefault(name, [])
        # Longer than any process is away, and than the deadline of a message that died with its bridge.
        end = time.monotonic() + 15
        while time.monotonic() < end:
            answers.append(await self._ask(session, name, {"Idempotency-Key": name}))
            if answers[-1].status not in (0, 409, 502, 503, 504):
                break
            await asyncio.sleep(answers[-1].retry_after * random.uniform(0.5, 1))

    async def _ask(self, session: aiohttp.ClientSession, name: str, headers: dict) -> Answer:
        body = intent(f"user-{hash(name) % 100}", {"delayMs": hash(name) % (self.delay + 1)})
        body["metadata"]["order"] = name
        try:
            async with session.post(self.url, json=body, headers={"X-Request-Id": name, **headers}) as response:
                document = json.loads(await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Answer(0, repr(error))
        if response.status != 201:
            return Answer(response.status, document.get("outcome", ""), document.get("retryAfter", 1), document.get("detail", ""))
        assert document["metadata"]["order"] == name, f"{name} got the answer for {document}"
        return Answer(201, "")
