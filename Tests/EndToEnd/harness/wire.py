"""One TCP connection to a server, with HTTP and WebSocket on it as a test wants them, right or wrong."""

import http.client
import io
import os
import socket
import time
from typing import NamedTuple

from .http import Answer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: A key and the header `Sec-WebSocket-Accept` that it asks for (RFC 6455, §1.3).
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}


class Ended(ConnectionError):
    """The server has closed."""


class Connection:
    """HTTP/1.1, request by request or pipelined."""

    def __init__(self, port: int, *, receive_buffer: int | None = None):
        self.port = port
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            # Before the connection is made: the window that is offered depends on it.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self._received = bytearray()

    def write(self, data: bytes) -> None:
        self.socket.settimeout(10)
        self.socket.sendall(data)

    def read(self, count: int, seconds: float = 5) -> bytes:
        """Exactly so many bytes; raises Ended, or TimeoutError with nothing lost."""
        self._await(lambda: len(self._received) >= count, seconds)
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def _await(self, check, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not check():
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionResetError:
                raise Ended("reset") from None
            if not data:
                raise Ended("closed")
            self._received += data

    def request(self, method: str, target: str, body: bytes | str | None = None, headers: dict | None = None) -> bytes:
        """The bytes of a request."""
        body = body.encode() if isinstance(body, str) else body
        fields = {"Host": f"127.0.0.1:{self.port}", **({"Content-Length": len(body)} if body is not None else {}), **(headers or {})}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + (body or b"")

    def ask(self, method: str, target: str, body: bytes | str | None = None, headers: dict | None = None) -> None:
        self.write(self.request(method, target, body, headers))

    def answer(self, seconds: float = 5, *, head_only: bool = False) -> Answer:
        """The next one."""
        self._await(lambda: b"\r\n\r\n" in self._received, seconds)
        head = io.BytesIO(self.read(self._received.index(b"\r\n\r\n") + 4))
        status = int(head.readline().split()[1])
        headers = {name.lower(): value for name, value in http.client.parse_headers(head).items()}
        has_body = not head_only and status not in (101, 204)
        return Answer(status, headers, self.read(int(headers["content-length"]), seconds) if has_body else b"")

    def is_silent(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes, not even the end."""
        try:
            self._await(lambda: self._received, seconds)
        except TimeoutError:
            return True
        except Ended:
            return False
        return False

    def rest(self, seconds: float = 5) -> bytes:
        """What comes until the server closes, which it must."""
        try:
            self._await(lambda: False, seconds)
        except Ended:
            pass
        return bytes(self._received)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()


def masked(data: bytes, mask: bytes) -> bytes:
    key = (mask * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(key)).to_bytes(len(data))


def frame(payload: bytes | str = b"", opcode: int | None = None, *, fin: bool = True, rsv: int = 0, mask: bool = True, form: int | None = None) -> bytes:
    """A client's frame. `form`: how many bytes its length is written with (0, 2 or 8); by itself the fewest."""
    if opcode is None:
        opcode = TEXT if isinstance(payload, str) else BINARY
    data = payload.encode() if isinstance(payload, str) else payload
    if form is None:
        form = 0 if len(data) < 126 else 2 if len(data) < 1 << 16 else 8
    short = {0: len(data), 2: 126, 8: 127}[form]
    head = bytes([fin << 7 | rsv << 4 | opcode, mask << 7 | short]) + (len(data).to_bytes(form) if form else b"")
    key = os.urandom(4)
    return head + (key + masked(data, key) if mask else data)


def close_frame(code: int, reason: bytes | str = b"") -> bytes:
    return frame(code.to_bytes(2) + (reason.encode() if isinstance(reason, str) else reason), CLOSE)


class Frame(NamedTuple):
    opcode: int
    payload: bytes


def text(payload: str) -> Frame:
    return Frame(TEXT, payload.encode())


class WebSocket(Connection):
    """Connected, unless the answer is not 101: then `refusal` is that answer."""

    def __init__(
        self, port: int, target: str = "/", *, headers: dict | None = None, behind: bytes = b"", receive_buffer: int | None = None,
        on: Connection | None = None,
    ):
        """`behind`: bytes in the same segment as the request; `on`: a connection that has had other requests before."""
        if on is None:
            super().__init__(port, receive_buffer=receive_buffer)
        else:
            self.port, self.socket, self._received = port, on.socket, on._received
        self.refusal: Answer | None = None
        self.write(self.request("GET", target, headers={**UPGRADE, **(headers or {})}) + behind)
        answer = self.answer()
        self.headers = answer.headers
        if answer.status != 101:
            self.refusal = answer
        else:
            assert answer.headers["sec-websocket-accept"] == ACCEPT, answer

    def send(self, *messages: bytes | str) -> None:
        """Each as one frame; text as text, bytes as binary."""
        self.write(b"".join(frame(message) for message in messages))

    def receive(self, seconds: float = 5) -> Frame:
        """The next frame, which must be whole, last, unmasked and in its shortest form."""
        first, second = self._peek(2, seconds)
        assert first & 0xF0 == 0x80 and second & 0x80 == 0, (first, second)
        form = {126: 2, 127: 8}.get(second, 0)
        length = second if not form else int.from_bytes(self._peek(2 + form, seconds)[2:])
        assert form == 0 or length > (125 if form == 2 else 0xFFFF)
        return Frame(first & 0x0F, self.read(2 + form + length, seconds)[2 + form:])

    def _peek(self, count: int, seconds: float) -> bytes:
        self._await(lambda: len(self._received) >= count, seconds)
        return bytes(self._received[:count])

    def receive_text(self, seconds: float = 5) -> str:
        opcode, payload = self.receive(seconds)
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def closed(self, seconds: float = 5) -> int | None:
        """The code of the close frame that comes next and after which nothing does; None when it has none."""
        opcode, payload = self.receive(seconds)
        assert opcode == CLOSE, (opcode, payload)
        assert self.rest(seconds) == b""
        return int.from_bytes(payload[:2]) if payload else None
