"""The program conformance-server, and Engine.IO sessions on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .http import Answer
from .processes import Process, ProcessFailure, wait_until
from .stack import binary
from .wire import Connection, WebSocket

#: Of heartbeats (s). The time-out is longer than a shared machine usually stands still.
INTERVAL, TIMEOUT = 0.3, 0.5
HEARTBEATS = {"ping_interval": int(INTERVAL * 1000), "ping_timeout": int(TIMEOUT * 1000)}
SEPARATOR = "\x1e"


@contextmanager
def server(mode: str, folder: Path, **flags) -> Iterator[Process]:
    """Yields the process, with its port as `port`; at the end it must still run, and stop when it is told to."""
    options = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
    process = Process(f"conformance-{mode}", [binary("conformance-server"), "--mode", mode, "--port", 0, *options], folder)

    def listening() -> list[str]:
        if not process.running:
            raise ProcessFailure(f"ended\n{process.tail()}")
        return process.log_text().splitlines()

    try:
        process.start()
        process.port = int(wait_until(listening, 10, "line with the port")[0].rpartition(":")[2])
        yield process
        assert process.running, process.tail()
        process.terminate()
        assert process.wait(10) == 0, process.tail()
        assert len(process.log_text().splitlines()) == 1, process.tail()
    finally:
        process.stop()


def sid_of(handshake: bytes | str) -> str:
    return json.loads(handshake[1:])["sid"]


class Engine:
    """An Engine.IO server. Each request has a connection of its own, unless it is told one."""

    def __init__(self, port: int, path: str):
        self.port, self.path = port, path

    def target(self, transport: str, sid: str | None = None, **query) -> str:
        words = {"EIO": 4, "transport": transport, **({"sid": sid} if sid else {}), **query}
        return self.path + "?" + "&".join(f"{name}={value}" for name, value in words.items())

    def ask(self, method: str, target: str, body: bytes | str | None = None, headers: dict | None = None, seconds: float = 5) -> Answer:
        with Connection(self.port) as connection:
            connection.ask(method, target, body, headers)
            return connection.answer(seconds, head_only=method == "HEAD")

    def polling(self) -> "Polling":
        return Polling(self)

    def websocket(self, sid: str | None = None, **options) -> WebSocket:
        """Without a sid it is a session of its own, whose handshake still is to be read."""
        return WebSocket(self.port, self.target("websocket", sid), **options)

    def connected(self) -> WebSocket:
        """A session on a WebSocket, its handshake read."""
        websocket = self.websocket()
        assert websocket.receive_text().startswith("0{")
        return websocket


class Polling:
    """A session by polling."""

    def __init__(self, engine: Engine):
        self.engine = engine
        answer = engine.ask("GET", engine.target("polling"))
        assert answer.status == 200 and answer.body[:1] == b"0", answer
        self.handshake = json.loads(answer.body[1:])
        self.sid = self.handshake["sid"]
        self.target = engine.target("polling", self.sid)

    def get(self, seconds: float = 5) -> Answer:
        return self.engine.ask("GET", self.target, seconds=seconds)

    def packets(self) -> list[str]:
        """Of one GET, which must succeed."""
        answer = self.get()
        assert answer.status == 200, answer
        return answer.body.decode().split(SEPARATOR)

    def later(self) -> Connection:
        """A GET whose answer is still to be read."""
        connection = Connection(self.engine.port)
        connection.ask("GET", self.target)
        assert connection.is_silent(0.05)
        return connection

    def post(self, *packets: str | bytes, headers: dict | None = None) -> Answer:
        body = packets[0] if len(packets) == 1 else SEPARATOR.join(packets)
        return self.engine.ask("POST", self.target, body, {"Content-Type": "text/plain;charset=UTF-8", **(headers or {})})

    def send(self, *packets: str) -> None:
        answer = self.post(*packets)
        assert (answer.status, answer.body) == (200, b"ok"), answer

    def is_gone(self) -> bool:
        answer = self.get()
        return (answer.status, answer.json()) == (400, {"code": 1, "message": "Session ID unknown"})
