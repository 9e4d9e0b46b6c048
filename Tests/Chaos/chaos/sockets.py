"""Clients of edge-ws: they recover their connections at any replica, get status updates, and send requests as events."""

import asyncio
import contextlib
import json
import random
import re
import time

import aiohttp
from harness.extra import token
from harness.recovering import NAMESPACE, Lost, RecoveringClient

from .callers import PATIENCE, demo
from .history import Answer, Attempt, Delivered, Listener

EVENT = "payment-status-update"
CREATE = "vy-finance-payments.payment-intents.create"
ACKNOWLEDGEMENT = re.compile(r'\[\{"status":(\d+),"body":(.*)\}\]', re.DOTALL)


def canonical(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


class SocketClient(RecoveringClient):
    """Stays connected to one of `ports`, and goes to another one after a loss."""

    def __init__(self, number: int, user: str, seed: str, ports: dict[str, int], *, pause: float):
        # Every fourth polls.
        super().__init__(transport="polling" if number % 4 == 3 else "websocket")
        self.query += f"&token={token(sub=user, exp=time.time() + 3600)}"
        self.user, self.ports, self.pause = user, ports, pause
        self.name = f"socket-{number}"
        self.chance = random.Random(f"{seed}/{self.name}")
        self.listener = Listener(self.name, user)
        self.attempts: list[Attempt] = []
        self.edge = ""
        #: Ends tasks whose cancellation was swallowed, as asyncio.wait_for may do.
        self.stopped = False
        self.is_closing = False
        self._open: dict[int, Attempt] = {}
        self._sent: dict[int, Attempt] = {}
        self.on_event = self._note

    # Connections

    def keep_at_any(self) -> None:
        self._keeper = asyncio.create_task(self._stay())

    async def _stay(self) -> None:
        while not self.is_closing:
            self.edge = self.chance.choice(sorted(self.ports))
            with contextlib.suppress(Lost):
                await self.connect(self.ports[self.edge])
                reader = self._reader
                if self.is_closing:
                    reader.cancel()
                # Not awaited itself, since a cut cancels it.
                await asyncio.wait([reader])
                if not reader.cancelled() and (error := reader.exception()) is not None:
                    self.listener.complaints.append(repr(error))
            self._give_up("lost")
            await asyncio.sleep(self.chance.uniform(0.05, 0.6))

    async def cut_now_and_then(self) -> None:
        """A network that breaks: no fault of the gateway's, which has to give the client what it has missed."""
        while not self.stopped:
            await asyncio.sleep(self.chance.uniform(4, 20))
            if self.connected and not self.stopped:
                self._give_up("cut")
                await self.drop()

    def _connect_reply(self, reply: dict) -> None:
        super()._connect_reply(reply)
        self.listener.connects.append((time.monotonic(), self.recovered))

    def _note(self, event: list) -> None:
        if event[0] == EVENT:
            self.listener.updates.append(Delivered(time.monotonic(), canonical(json.dumps(event[1])), str(event[-1])))
        elif event[0] != "user-registered":
            self.listener.complaints.append(f"event {json.dumps(event)[:200]}")

    # Requests

    async def run(self) -> None:
        """Requests, some of them at the same time."""
        while not self.stopped:
            await asyncio.sleep(self.pause * self.chance.uniform(0.2, 1.8))
            if self.connected and not self.stopped:
                await self._send(self.chance.choice((1, 1, 1, 4)))

    async def _send(self, count: int) -> None:
        for _ in range(count):
            self._calls += 1
            number = self._calls
            name = f"{self.name}.{number}"
            instructions = demo(self.chance)
            body = {"amount": 1999, "currency": "usd", "userId": self.user, "metadata": {"token": name, "demo": instructions}}
            attempt = Attempt(name, name, self.user, self.edge, CREATE, time.monotonic(), reply=instructions.get("reply", ""))
            self._open[number] = self._sent[number] = attempt
            self.attempts.append(attempt)
            packet = f"42{NAMESPACE},{number}" + json.dumps([CREATE, body], separators=(",", ":"))
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.transport.send(packet)
            except (Lost, aiohttp.ClientError, OSError, TimeoutError):
                self._close(number, "lost")
                return
            except asyncio.CancelledError:
                self._close(number, "cut")
                raise

    def _close(self, number: int, reason: str) -> None:
        if (attempt := self._open.pop(number, None)) is not None:
            attempt.gave_up, attempt.ended = reason, time.monotonic()

    def _give_up(self, reason: str) -> None:
        """What was not acknowledged will not be any more."""
        for number in list(self._open):
            self._close(number, reason)

    def _socket_packet(self, packet: str) -> None:
        kind, rest = packet[:1], packet[1:].removeprefix(NAMESPACE + ",")
        if kind != "3":
            super()._socket_packet(packet)
            return
        number = int(rest.partition("[")[0])
        answer = ACKNOWLEDGEMENT.fullmatch(rest.removeprefix(str(number)))
        self._open.pop(number, None)
        # Also one whose POST has failed may have reached the server.
        attempt = self._sent.get(number)
        if answer is None or attempt is None:
            self.listener.complaints.append(f"acknowledgement {rest[:200]}")
            return
        attempt.answers.append(Answer(time.monotonic(), int(answer[1]), answer[2].encode(), "application/json"))
        attempt.ended = time.monotonic()

    @property
    def is_waiting(self) -> bool:
        return bool(self._open)

    async def finish(self) -> None:
        """What still waits for its acknowledgement has waited long enough."""
        self._give_up("silence")
        self.is_closing = True
        try:
            await self.close()
        except Exception as error:
            self.listener.complaints.append(repr(error))
