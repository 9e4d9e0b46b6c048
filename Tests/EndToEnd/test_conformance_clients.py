"""python-socketio and python-engineio against the library, by each way of connecting."""

import queue

import engineio
import pytest
import socketio

WAYS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}


class Client:
    """Keeps what it gets, as (namespace, event, arguments)."""

    def __init__(self, port: int, way: str, namespaces: list[str], auth: dict | None = None):
        self.received: queue.Queue = queue.Queue()
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        for namespace in namespaces:
            for event in ("auth", "message-back", "disconnect", "connect_error"):
                self.client.on(event, self._keep(namespace, event), namespace=namespace)
        self.client.connect(f"http://127.0.0.1:{port}", transports=WAYS[way], namespaces=namespaces, auth=auth, wait_timeout=5)

    def _keep(self, namespace: str, event: str):
        return lambda *arguments: self.received.put((namespace, event, arguments))

    def next(self) -> tuple:
        return self.received.get(timeout=5)

    def close(self) -> None:
        # By `disconnect` a polling client may leave without its last packet, and wait for a heartbeat.
        self.client.eio.disconnect(abort=True)


@pytest.fixture(params=WAYS)
def connect(sio, request):
    made: list[Client] = []

    def connect(namespaces: list[str] | None = None, auth: dict | None = None) -> Client:
        made.append(Client(sio.port, request.param, namespaces or ["/"], auth))
        return made[-1]

    connect.way = request.param
    yield connect
    for client in made:
        client.close()


ARGUMENTS = [
    (), (1, "2", {"3": [True, None]}), (b"\x00\x01",), ({"file": b"x" * 10_000, "list": [b"", {"deep": b"2"}]}, "é😀", 1.5), ("x" * 100_000,),
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=["none", "json", "binary", "nested binary", "large"])
def test_events_and_acknowledgements(connect, arguments):
    client = connect()
    assert client.next() == ("/", "auth", ({},))
    client.client.emit("message", arguments)
    assert client.next() == ("/", "message-back", arguments)
    acknowledged = client.client.call("message-with-ack", arguments, timeout=5)
    assert acknowledged == {0: None, 1: arguments[0] if arguments else None}.get(len(arguments), arguments)


def test_the_transport(connect):
    client = connect()
    client.next()
    assert client.client.transport() == ("polling" if connect.way == "polling" else "websocket")


def test_namespaces_and_payload(connect):
    client = connect(["/", "/custom"], {"token": "abc"})
    assert sorted([client.next(), client.next()]) == [("/", "auth", ({"token": "abc"},)), ("/custom", "auth", ({"token": "abc"},))]
    assert client.client.get_sid("/") != client.client.get_sid("/custom") != client.client.eio.sid


def test_an_unknown_namespace(sio):
    for way in WAYS:
        with pytest.raises(socketio.exceptions.ConnectionError):
            Client(sio.port, way, ["/random"])


def test_it_stays_connected(connect):
    """Four heartbeats long."""
    client = connect()
    assert client.next()[1] == "auth"
    with pytest.raises(queue.Empty):
        client.received.get(timeout=1.3)
    client.client.emit("message", "still here")
    assert client.next() == ("/", "message-back", ("still here",))


def test_leaving_one_namespace(connect):
    client = connect(["/", "/custom"])
    client.next(), client.next()
    client.client.send("x", namespace="/custom")
    client.client._send_packet(socketio.packet.Packet(socketio.packet.DISCONNECT, namespace="/custom"))
    client.client.emit("message", 1)
    assert client.next() == ("/", "message-back", (1,))


@pytest.mark.parametrize("way", WAYS)
def test_engineio(eio, way):
    received: queue.Queue = queue.Queue()
    client = engineio.Client(handle_sigint=False)
    client.on("message", received.put)
    client.connect(f"http://127.0.0.1:{eio.port}", transports=WAYS[way])
    try:
        for message in ("text", b"binary", "é" * 1000, b"\x00" * 10_000):
            client.send(message)
            assert received.get(timeout=5) == message
    finally:
        client.disconnect(abort=True)
