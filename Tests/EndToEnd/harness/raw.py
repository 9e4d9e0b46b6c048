"""Socket.IO clients on bare sockets, which take what they are sent only when they are told to."""

import json

from .http import Answer, request
from .sio import NAMESPACE
from .wire import Ended, WebSocket

CONNECT = f"40{NAMESPACE},"


class RawWebSocket(WebSocket):
    """Connected as the user; from then on it reads nothing by itself."""

    def __init__(self, port: int, user: str, *, receive_buffer: int, pid: str | None = None):
        super().__init__(port, f"/socket.io/?EIO=4&transport=websocket&userId={user}", receive_buffer=receive_buffer)
        assert self.receive_text().startswith("0{")
        self.send(CONNECT if pid is None else CONNECT + json.dumps({"pid": pid}))
        answer = self.receive_text()
        assert answer.startswith(CONNECT)
        self.pid = json.loads(answer.removeprefix(CONNECT))["pid"]

    def event(self) -> list:
        """The next one."""
        while not (payload := self.receive().payload).startswith(b"42"):
            pass
        return json.loads(payload[len(CONNECT):])

    def events(self) -> list[list]:
        """All that has come until the connection ended, which it must."""
        events = []
        try:
            while True:
                events.append(self.event())
        except Ended:
            return events


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
