"""Many requests at once, each answer matched to its request."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from .stack import SERVICE, intent


@dataclass
class Result:
    """What came of a load. `answers` counts (status, outcome) pairs; `wrong` holds sentences about answers that were not for their request."""

    answers: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0

    def percentile(self, share: float) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * share)] if self.latencies else 0


class Load:
    """POSTs payment intents on `connections` kept-alive connections; every request has a number of its own in its body and its request id."""

    def __init__(self, port: int, *, connections: int = 64, prefix: str = "load", demo: dict | None = None):
        self.port, self.connections, self.prefix, self.demo = port, connections, prefix, demo
        self.result = Result()
        self.next = 0
        self.limit: int | None = None
        self.stopped = False

    async def run(self, count: int | None = None, at: dict | None = None) -> Result:
        """Sends `count` requests, or until `stopped`. `at` maps a number of finished requests to what is then called."""
        self.limit, self.at = count, dict(at or {})
        start = time.monotonic()
        await asyncio.gather(*(self._connection() for _ in range(self.connections)))
        self.result.seconds = time.monotonic() - start
        return self.result

    def _take(self) -> int | None:
        if self.stopped or (self.limit is not None and self.next >= self.limit):
            return None
        self.next += 1
        return self.next

    async def _connection(self) -> None:
        reader = writer = None
        while (number := self._take()) is not None:
            name = f"{self.prefix}-{number}"
            start = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(self._request(name))
                status, headers, body = await asyncio.wait_for(self._answer(reader), 30)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as error:
                self.result.broken.append(f"{name}: {error!r}")
                if writer:
                    writer.close()
                reader = writer = None
                await asyncio.sleep(0.02)
            else:
                self.result.latencies.append(time.monotonic() - start)
                self._check(name, status, headers, body)
                if headers.get("connection", "").lower() == "close":
                    writer.close()
                    reader = writer = None
                if status == 503:
                    await asyncio.sleep(0.02)
            for mark in [mark for mark in self.at if len(self.result.latencies) >= mark]:
                self.at.pop(mark)()
        if writer:
            writer.close()

    def _request(self, name: str) -> bytes:
        body = intent(f"{self.prefix}-{hash(name) % 500}", self.demo)
        body.setdefault("metadata", {})["order"] = name
        data = json.dumps(body).encode()
        return (
            f"POST {SERVICE}/payment-intents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"X-Request-Id: {name}\r\nContent-Length: {len(data)}\r\n\r\n"
        ).encode() + data

    @staticmethod
    async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    def _check(self, name: str, status: int, headers: dict, body: bytes) -> None:
        document = json.loads(body)
        outcome = document.get("outcome") if status != 201 else None
        self.result.answers[status, outcome] += 1
        if headers.get("x-request-id") != name:
            self.result.wrong.append(f"{name}: x-request-id {headers.get('x-request-id')}")
        if status == 201:
            if document.get("metadata", {}).get("order") != name:
                self.result.wrong.append(f"{name}: got the answer for {document.get('metadata')}")
            if document["id"] in self.result.created:
                self.result.wrong.append(f"{name}: the intent of {self.result.created[document['id']]} again")
            self.result.created[document["id"]] = name
