"""HTTP/1.1 on a bare socket, as slowly as a test wants it."""

import json
import socket
import time
from dataclasses import dataclass

from .http import Answer


def drip(client: "SlowClient", data: bytes, pause: float = 0.05) -> None:
    """Sends byte by byte until all is sent or the server has had enough."""
    for index in range(len(data)):
        if client.has_news():
            return
        try:
            client.send(data[index:index + 1])
        except OSError:
            return
        time.sleep(pause)


@dataclass
class Ending:
    """What came until the server ended the connection: `reset` when it did so without a FIN."""

    data: bytes
    reset: bool


class SlowClient:
    def __init__(self, port: int, data: bytes = b"", *, receive_buffer: int | None = None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.since = time.monotonic()
        self.data = b""
        if data:
            self.send(data)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def has_news(self) -> bool:
        self.socket.settimeout(0)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(10)

    def answer(self) -> Answer:
        """The next answer; one to HEAD or without a length has no body here."""
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.data) < length:
            self._more()
        body, self.data = self.data[:length], self.data[length:]
        return Answer(int(first.split()[1]), headers, body)

    def _more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"the server closed after {self.data!r}"
        self.data += data

    def ending(self) -> Ending:
        reset = False
        try:
            while data := self.socket.recv(65536):
                self.data += data
        except ConnectionResetError:
            reset = True
        return Ending(self.data, reset)

    def __enter__(self) -> "SlowClient":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()


def post(path: str, body: dict, *more: str) -> bytes:
    """The bytes of a POST with that JSON."""
    data = json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(data)}", *more]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + data
