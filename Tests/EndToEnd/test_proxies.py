"""The proxies under deploy/proxies in front of the stack: payments, sockets on every transport, and that nothing is sent twice."""

import contextlib
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import proxies
from harness.http import assert_problem, request
from harness.processes import free_port, wait_until
from harness.sio import Listener
from harness.stack import SERVICE, intent

EACH = pytest.mark.parametrize("name", sorted(proxies.WRITERS))
# So many that not all of them have the same replica by chance.
USERS = 16
CREATE = f"{SERVICE}/payment-intents"


def edge(stack, name: str) -> tuple[int, int]:
    return stack.ports[name], stack.admin[name]


@pytest.fixture
def proxy(stack, tmp_path):
    """Starts a proxy, in front of the stack's own edges where none are named; returns its port."""
    made = []

    def start(name: str, http=None, ws=None) -> int:
        port = free_port()
        made.append(proxies.run(name, tmp_path / name, port, http or [edge(stack, "edge-http")], ws or [edge(stack, "edge-ws-1"), edge(stack, "edge-ws-2")]))
        # Its health checks come first, where the edges are well.
        wait_until(lambda: answers(port, but=() if http else (503,)), 20, lambda: made[-1].tail())
        return port

    yield start
    for process in made:
        process.stop()


def answers(port: int, but: tuple) -> bool:
    with contextlib.suppress(OSError):
        return all(request(port, "GET", path, timeout=5).status not in but for path in ("/docs", "/socket.io/"))
    return False


def create(stack, port: int, **extra):
    return stack.create(port=port, **extra)


@EACH
def test_payments(stack, proxy, name):
    port = proxy(name)
    answer = create(stack, port, headers={"X-Request-Id": "mine-1"})
    assert answer.status == 201 and answer.headers["x-request-id"] == "mine-1", answer
    assert create(stack, port).headers["x-request-id"]
    large = stack.post("/payment-intents", {**intent(), "description": "x" * 1_100_000}, port=port)
    assert_problem(large, 413, "not_sent")


@EACH
@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
def test_updates(stack, proxy, name, transport):
    port = proxy(name)
    users = [f"{name}-{transport}-{n}" for n in range(USERS)]
    with clients_of(port, users, transport) as clients:
        created = [stack.create(user, port=port).json()["id"] for user in users]
        for intent_id in created:
            assert stack.confirm(intent_id, port=port).status == 200
        for client, intent_id in zip(clients, created):
            assert client.wait_status(intent_id, "succeeded")[-2:] == ["processing", "succeeded"]
            assert client.transport == ("polling" if transport == "polling" else "websocket")
        assert [client.connects for client in clients] == [1] * USERS, "no session was lost, and each client stayed with its replica"
        wait_until(lambda: all(connections(stack.ports[process.name]) for process in stack.ws), 5, "both replicas are used")


@contextlib.contextmanager
def clients_of(port: int, users: list[str], transport: str):
    """All at a time: a proxy may take a second to let go of one."""
    with ThreadPoolExecutor(len(users)) as pool:
        clients = list(pool.map(lambda user: Listener(port, user=user, transport=transport), users))
        try:
            yield clients
        finally:
            list(pool.map(Listener.close, clients))


def connections(port: int) -> int:
    """How many clients are connected to a port of this host."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1].endswith(f":{port:04X}") and fields[3] == "01" for fields in map(str.split, lines))


class Breaking:
    """An edge that reads a request and breaks off, and counts what it was sent; its admin port says that it is ready."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                data = b""
                while b"\r\n\r\n" not in data and (more := connection.recv(65_536)):
                    data += more
                # The body, which some proxies send by itself.
                length = re.search(rb"(?i)content-length: (\d+)", data)
                while length and len(data.split(b"\r\n\r\n", 1)[1]) < int(length[1]) and (more := connection.recv(65_536)):
                    data += more
                if data:
                    self.requests.append(data)
                connection.close()

    def close(self) -> None:
        self.listener.close()


@EACH
def test_a_request_that_was_sent_is_never_sent_again(stack, proxy, name):
    broken = Breaking()
    try:
        admin = stack.admin["edge-http"]
        port = proxy(name, http=[(broken.port, admin), (broken.port, admin)])
        time.sleep(2.2)  # nginx leaves out a replica for a second, and the rest of another, after what failed above
        broken.requests.clear()
        answer = request(port, "POST", CREATE, json.dumps(intent()).encode(), {"Content-Type": "application/json"})
        assert_problem(answer, 502, "unknown", instance=CREATE)
        time.sleep(0.5)
        posts = [data for data in broken.requests if data.startswith(b"POST")]
        assert len(posts) == 1, posts
    finally:
        broken.close()


@EACH
def test_a_request_that_could_not_be_sent_goes_to_the_next_replica(stack, proxy, name):
    nobody = free_port()
    # By its admin port that replica seems well: only the connection fails.
    port = proxy(name, http=[(nobody, stack.admin["edge-http"]), edge(stack, "edge-http")])
    # Envoy draws a replica at random, so a few may be lucky; HAProxy waits for a second before it tries again.
    count = 100 if name == "envoy" else 6
    assert [create(stack, port).status for _ in range(count)] == [201] * count


@EACH
def test_without_any_replica_the_client_knows_that_nothing_was_sent(stack, proxy, name):
    nobody = free_port()
    port = proxy(name, http=[(nobody, stack.admin["edge-http"]), (nobody, stack.admin["edge-http"])])
    answer = request(port, "POST", CREATE, json.dumps(intent()).encode(), {"Content-Type": "application/json"})
    assert_problem(answer, 503, "not_sent", instance=CREATE)
    assert answer.headers["retry-after"] == "1"
