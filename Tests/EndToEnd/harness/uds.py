"""The edge's side of the Unix-socket protocol, by hand."""

import json
import socket
import struct
from pathlib import Path


class Peer:
    def __init__(self, path: Path, timeout: float = 5):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def send(self, frame: dict) -> None:
        data = json.dumps(frame).encode()
        self.send_bytes(struct.pack(">I", len(data)) + data)

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hello(self, **changes) -> None:
        self.send({"type": "hello", "versions": [1], "role": "edge-http", "instance": "test", "build": "0", **changes})

    def receive(self) -> dict | None:
        """The next frame; None when the bridge closed the connection."""
        head = self._exactly(4)
        if head is None:
            return None
        return json.loads(self._exactly(struct.unpack(">I", head)[0]))

    def receive_until(self, *types: str) -> dict | None:
        """The next frame of one of the types, or None at the end."""
        while (frame := self.receive()) is not None:
            if frame["type"] in types:
                return frame
        return None

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            try:
                chunk = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return None
            if not chunk:
                return None
            data += chunk
        return data

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_) -> None:
        self.close()
