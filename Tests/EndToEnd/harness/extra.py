"""A further edge-ws with settings of its own, beside a running stack, and what tests of it need."""

import base64
import hashlib
import hmac
import json
import time
from contextlib import contextmanager

import socketio

from .processes import Process
from .sio import NAMESPACE
from .stack import Stack, binary
from .wire import CLOSE, Ended, WebSocket

SECRET = "0123456789abcdef0123456789abcdef"


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims: dict | None = None, *, secret: str = SECRET, alg: str = "HS256", **more) -> str:
    """An HS256 token of user 123 that lasts a minute, unless told otherwise; a claim that is None is left out."""
    payload = {"sub": "123", "exp": time.time() + 60, **(claims or {}), **more}
    head = _url(json.dumps({"alg": alg}).encode())
    body = _url(json.dumps({name: value for name, value in payload.items() if value is not None}).encode())
    signature = b"" if alg == "none" else hmac.new(secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_url(signature)}"


@contextmanager
def edge_ws(stack: Stack, name: str, **env):
    """Yields the process, with its port as `port`; a setting that is None is left out."""
    settings = {
        **stack.common, "INSTANCE": name, "WS_HOST": "127.0.0.1", "WS_PORT": 0, "WS_ADMIN_PORT": 0,
        "SERVICES_DIR": stack.folder / "services",
        # python-socketio's polling client may leave without its last packet, and itself waits for the next heartbeat.
        "SHUTDOWN_TIMEOUT": 3000, "WS_PING_INTERVAL": 500, **env,
    }
    process = Process(name, [binary("edge-ws")], stack.folder / name, {k: v for k, v in settings.items() if v is not None})
    try:
        process.start()
        process.port = int(process.wait_log("listening")["port"])
        process.admin = int(process.wait_log("admin listening")["port"])
        yield process
    finally:
        process.stop()


class Raw:
    """A WebSocket that shows Socket.IO's packets as they are; heartbeats are answered and not shown."""

    def __init__(self, port: int, query: str = "", headers: dict | None = None):
        self.socket = WebSocket(port, f"/socket.io/?EIO=4&transport=websocket{query}", headers=headers)
        assert self.socket.refusal is None, self.socket.refusal
        assert self.receive().startswith("0{")

    def send(self, packet: str) -> None:
        self.socket.send(packet)

    def receive(self, seconds: float = 5) -> str | None:
        """The next packet; None when the server has closed."""
        end = time.monotonic() + seconds
        while True:
            try:
                opcode, payload = self.socket.receive(end - time.monotonic())
            except Ended:
                return None
            if opcode == CLOSE:
                return None
            if payload != b"2":
                return payload.decode()
            self.send("3")

    def join(self, payload: dict | None = None) -> tuple[str, dict]:
        """Sends CONNECT; the type of the reply's packet, `0` or `4`, and its object."""
        self.send(f"40{NAMESPACE}," + (json.dumps(payload) if payload is not None else ""))
        reply = self.receive()
        assert reply[0] == "4" and reply[2:].startswith(NAMESPACE + ","), reply
        return reply[1], json.loads(reply[2:].removeprefix(NAMESPACE + ","))

    def is_silent(self, seconds: float = 0.4) -> bool:
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()


class Client:
    """A Socket.IO client that keeps its CONNECT_ERROR and its disconnect."""

    def __init__(self, port: int, *, query: str = "", auth=None, headers: dict | None = None, transport: str = "websocket"):
        self.error = None
        self.disconnects: list = []
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        self.client.on("connect_error", self._refused, namespace=NAMESPACE)
        self.client.on("disconnect", lambda reason=None: self.disconnects.append(reason), namespace=NAMESPACE)
        try:
            self.client.connect(
                f"http://127.0.0.1:{port}{query}", transports=[transport], namespaces=[NAMESPACE],
                auth=auth, headers=headers or {}, wait_timeout=5)
        except socketio.exceptions.ConnectionError:
            pass

    def _refused(self, error=None) -> None:
        self.error = error

    @property
    def connected(self) -> bool:
        return NAMESPACE in self.client.namespaces

    @property
    def code(self) -> str | None:
        return self.error["data"]["code"] if self.error else None

    def call(self, event: str, *data, timeout: float = 10):
        return self.client.call(event, data, namespace=NAMESPACE, timeout=timeout)

    def emit(self, event: str, *data, callback=None) -> None:
        self.client.emit(event, data, namespace=NAMESPACE, callback=callback)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.client.disconnect()
