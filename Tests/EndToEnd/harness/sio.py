"""A Socket.IO client that keeps the status updates it gets."""

import threading
import time

import socketio

NAMESPACE = "/finance-payments"
EVENT = "payment-status-update"


class Listener:
    """Connects at once. `user` goes into the handshake query; `register` is sent by `register-user`."""

    def __init__(self, port: int, *, user: str | None = None, register: str | None = None, transport: str = "websocket", reconnect: bool = False):
        self.updates: list[dict] = []
        self.connects = 0
        self._changed = threading.Condition()
        self.client = socketio.Client(reconnection=reconnect, reconnection_delay=0.2, reconnection_delay_max=1, handle_sigint=False)
        # It would start a thread for each message, which may swap two that come together.
        trigger = self.client.eio._trigger_event
        self.client.eio._trigger_event = lambda event, *args, run_async=False, **options: trigger(event, *args, **options)
        self.register_as = register
        self.client.on("connect", self._connected, namespace=NAMESPACE)
        self.client.on(EVENT, self._update, namespace=NAMESPACE)
        query = f"?userId={user}" if user is not None else ""
        transports = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}[transport]
        self.client.connect(f"http://127.0.0.1:{port}{query}", transports=transports, namespaces=[NAMESPACE], wait_timeout=10)

    def _connected(self) -> None:
        if self.register_as is not None:
            self.client.emit("register-user", self.register_as, namespace=NAMESPACE)
        with self._changed:
            self.connects += 1
            self._changed.notify_all()

    def _update(self, update, *_) -> None:
        with self._changed:
            self.updates.append(update)
            self._changed.notify_all()

    def wait_for(self, count: int, seconds: float = 10) -> list[dict]:
        """At least that many updates, or what came until then."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.updates) >= count, seconds)
            return list(self.updates)

    def wait_connects(self, count: int, seconds: float = 10) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self.connects >= count, seconds)
            return self.connects

    def statuses(self, intent_id: str) -> list[str]:
        return [update["status"] for update in list(self.updates) if update["id"] == intent_id]

    def wait_status(self, intent_id: str, status: str, seconds: float = 10) -> list[str]:
        """All statuses of the intent once that one has come."""
        with self._changed:
            self._changed.wait_for(lambda: status in self.statuses(intent_id), seconds)
        return self.statuses(intent_id)

    @property
    def transport(self) -> str:
        return self.client.transport()

    def settle(self, seconds: float = 0.4) -> "Listener":
        """Time for something unwanted to arrive."""
        time.sleep(seconds)
        return self

    def close(self) -> None:
        self.client.disconnect()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_) -> None:
        self.close()
