"""Socket.IO clients on bare sockets, which take what they are sent only when they are told to."""

import json
import os
import socket

from .http import Answer, request
from .sio import NAMESPACE

CONNECT = f"40{NAMESPACE},"


class RawWebSocket:
    """Connected as the user; from then on it reads nothing by itself."""

    def __init__(self, port: int, user: str, *, receive_buffer: int):
        self.socket = socket.socket()
        # Before the connection is made: the window that is offered depends on it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket&userId={user} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        self._stream = self.socket.makefile("rb")
        assert b" 101 " in self._stream.readline()
        while self._stream.readline() != b"\r\n":
            pass
        assert self.frame().startswith(b"0{")
        self.send(CONNECT)
        assert self.frame().startswith(CONNECT.encode())

    def send(self, text: str) -> None:
        """One text frame of at most 125 bytes."""
        mask, data = os.urandom(4), text.encode()
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)))

    def frame(self) -> bytes | None:
        """The next frame's payload; None when the connection has ended before its last byte."""
        try:
            head = self._stream.read(2)
            length = head[1] & 0x7F
            if length >= 126:
                length = int.from_bytes(self._stream.read(2 if length == 126 else 8))
            payload = self._stream.read(length)
        except (ConnectionError, IndexError):
            return None
        return payload if len(payload) == length else None

    def events(self) -> list[list]:
        """All that has come until the connection ended, which it must."""
        return [json.loads(frame[len(CONNECT):]) for frame in iter(self.frame, None) if frame.startswith(b"42")]

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


class RawPolling:
    """Connected as the user; from then on it polls only when it is told to."""

    def __init__(self, port: int, user: str):
        self.port, self.path = port, f"/socket.io/?EIO=4&transport=polling&userId={user}"
        self.path += "&sid=" + json.loads(self.poll()[1:])["sid"]
        assert request(port, "POST", self.path, CONNECT.encode(), {"Content-Type": "text/plain"}).body == b"ok"
        assert self.poll().startswith(CONNECT)

    def get(self) -> Answer:
        return request(self.port, "GET", self.path)

    def poll(self) -> str:
        answer = self.get()
        assert answer.status == 200, answer
        return answer.body.decode()
