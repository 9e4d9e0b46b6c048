"""A Socket.IO client with connection state recovery, which does what the official JavaScript client 4.8 does.

It keeps the `pid` of the CONNECT reply and, once it has one, the last argument of each event as `offset` where that is a string; it sends both with
the next CONNECT, and is recovered when the reply has the same `pid`. Events that come before the reply wait until it is there.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable

import aiohttp

NAMESPACE = "/finance-payments"


class Lost(Exception):
    """The transport is gone."""


class Transport:
    """One Engine.IO session. Its HTTP connections are its own, so that they can be cut."""

    def __init__(self, url: str):
        self.http, self.url = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)), url

    async def open(self) -> dict:
        """The handshake."""
        raise NotImplementedError

    async def receive(self, seconds: float) -> list[str]:
        """The next packets."""
        raise NotImplementedError

    async def send(self, packet: str) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Says goodbye first."""
        await self.cut()

    async def cut(self) -> None:
        """Says nothing."""
        await self.http.close()


class WebSocketTransport(Transport):
    async def open(self) -> dict:
        self.socket = await self.http.ws_connect(f"{self.url}&transport=websocket", max_msg_size=0)
        return handshake(await self.receive(10))

    async def receive(self, seconds: float) -> list[str]:
        message = await self.socket.receive(seconds)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Lost(f"WebSocket closed with {self.socket.close_code}")
        return [message.data]

    async def send(self, packet: str) -> None:
        await self.socket.send_str(packet)

    async def close(self) -> None:
        await self.socket.close()
        await self.cut()


class PollingTransport(Transport):
    async def open(self) -> dict:
        self.url += "&transport=polling"
        opened = handshake(await self.receive(10))
        self.url += f"&sid={opened['sid']}"
        return opened

    async def receive(self, seconds: float) -> list[str]:
        async with self.http.get(self.url, timeout=aiohttp.ClientTimeout(seconds)) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise Lost(f"GET answered {answer.status} {text[:100]}")
            return text.split("\x1e")

    async def send(self, packet: str) -> None:
        async with self.http.post(self.url, data=packet, headers={"Content-Type": "text/plain;charset=UTF-8"}) as answer:
            if answer.status != 200:
                raise Lost(f"POST answered {answer.status}")

    async def close(self) -> None:
        await self.send("1")
        await self.cut()


TRANSPORTS = {"websocket": WebSocketTransport, "polling": PollingTransport}


def handshake(packets: list[str]) -> dict:
    if not packets[0].startswith("0{"):
        raise Lost(f"no handshake but {packets[0]!r}")
    return json.loads(packets[0][1:])


class RecoveringClient:
    """`events` has the arguments of each event, its name first and its offset last."""

    def __init__(self, *, user: str | None = None, register: str | None = None, transport: str = "websocket"):
        self.kind, self.register_as = TRANSPORTS[transport], register
        self.query = "/socket.io/?EIO=4" + (f"&userId={user}" if user is not None else "")
        self.transport: Transport | None = None
        self.pid: str | None = None
        self.offset: str | None = None
        self.sid: str | None = None
        self.connected = False
        #: Of each CONNECT reply, whether the connection was recovered.
        self.replies: list[bool] = []
        self.events: list[list] = []
        self.on_event: Callable[[list], None] = self.events.append
        self.lost: str | None = None
        self._early: list[list] = []
        self._acks: dict[int, list] = {}
        self._calls = 0
        self._reader: asyncio.Task | None = None
        self._keeper: asyncio.Task | None = None
        self._changed = asyncio.Condition()

    @property
    def recovered(self) -> bool:
        return self.replies[-1]

    async def connect(self, port: int, payload: dict | None = None) -> "RecoveringClient":
        """One attempt; raises Lost. `payload` goes into CONNECT instead of what the client knows."""
        transport = self.transport = self.kind(f"http://127.0.0.1:{port}{self.query}")
        self.connected, self.lost, count = False, None, len(self.replies)
        try:
            opened = await transport.open()
            if payload is None and self.pid is not None:
                payload = {"pid": self.pid} | ({"offset": self.offset} if self.offset is not None else {})
            await transport.send(f"40{NAMESPACE}," + (json.dumps(payload) if payload is not None else ""))
        except (Lost, aiohttp.ClientError, OSError, TimeoutError) as error:
            await transport.cut()
            raise Lost(repr(error)) from None
        # The official client gives a server up that has not sent a ping for so long.
        self._reader = asyncio.create_task(self._read(transport, (opened["pingInterval"] + opened["pingTimeout"]) / 1000))
        await self.until(lambda: len(self.replies) > count or self.lost, 15)
        if len(self.replies) == count:
            await self.drop()
            raise Lost(self.lost or "no CONNECT reply")
        if self.register_as is not None and not self.recovered:
            await self.call("register-user", self.register_as)
        return self

    def keep(self, port: int) -> None:
        """Connects, and again after each loss, with pauses from 0.1 s doubled up to 1 s, jittered by half."""
        self._keeper = asyncio.create_task(self._keep(port))

    async def _keep(self, port: int) -> None:
        pause = 0.1
        while True:
            try:
                await self.connect(port)
                pause = 0.1
                await self._reader
            except Lost:
                pass
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 1)

    async def call(self, *event) -> list | None:
        """The arguments of the event's acknowledgement; None when none comes."""
        self._calls += 1
        number = self._calls
        await self.transport.send(f"42{NAMESPACE},{number}{json.dumps(event)}")
        await self.until(lambda: number in self._acks or self.lost)
        return self._acks.pop(number, None)

    async def drop(self) -> None:
        """Ends the transport as a broken network does."""
        self.abandon()
        await self.transport.cut()

    def abandon(self) -> None:
        """Takes no more from the transport, which stays open."""
        self.connected = False
        self._reader.cancel()

    async def close(self) -> None:
        """Raises what the client has met that no client should."""
        tasks = [task for task in (self._keeper, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if self.connected:
            with contextlib.suppress(Lost, aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.wait_for(self.transport.close(), 2)
        await self.transport.cut()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def until(self, check, seconds: float = 10):
        """The first true result of `check`, or its last one."""
        async with self._changed:
            try:
                return await asyncio.wait_for(self._changed.wait_for(check), seconds)
            except TimeoutError:
                return check()

    async def _read(self, transport: Transport, silence: float) -> None:
        try:
            while True:
                for packet in await transport.receive(silence):
                    await self._packet(transport, packet)
                await self._notify()
        except (Lost, aiohttp.ClientError, OSError, TimeoutError) as error:
            await transport.cut()
            self._ended(transport, repr(error))
        except Exception as error:
            self._ended(transport, repr(error))
            raise
        finally:
            await self._notify()

    def _ended(self, transport: Transport, reason: str) -> None:
        if transport is self.transport:
            self.connected, self.lost = False, reason

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _packet(self, transport: Transport, packet: str) -> None:
        match packet[:1]:
            case "1":
                raise Lost("closed by the server")
            case "2":
                await transport.send("3")
            case "4":
                self._socket_packet(packet[1:])
            case "6":
                pass
            case _:
                raise AssertionError(f"packet {packet!r}")

    def _socket_packet(self, packet: str) -> None:
        kind, rest = packet[:1], packet[1:].removeprefix(NAMESPACE + ",")
        match kind:
            case "0":
                self._connect_reply(json.loads(rest))
            case "2":
                self._received(json.loads(rest))
            case "3":
                number, _, arguments = rest.partition("[")
                self._acks[int(number)] = json.loads("[" + arguments)
            case _:
                # DISCONNECT and CONNECT_ERROR: the official client does not come back after them.
                raise AssertionError(f"Socket.IO packet {packet!r}")

    def _connect_reply(self, reply: dict) -> None:
        pid = reply.get("pid")
        self.replies.append(pid is not None and pid == self.pid)
        self.pid, self.sid, self.connected = pid, reply["sid"], True
        early, self._early = self._early, []
        for event in early:
            self._event(event)

    def _received(self, event: list) -> None:
        if self.connected:
            self._event(event)
        else:
            self._early.append(event)

    def _event(self, event: list) -> None:
        self.on_event(event)
        if self.pid is not None and isinstance(event[-1], str):
            self.offset = event[-1]
