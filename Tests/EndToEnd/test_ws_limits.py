"""What one user, one address and one socket may have and do, and what the one that wants more is told."""

import contextlib
import json
import subprocess
import time

import pytest

from harness.extra import SECRET, Client, Raw, edge_ws, token
from harness.http import Answer, request
from harness.processes import wait_until
from harness.sio import NAMESPACE
from harness.stack import binary
from harness.wire import WebSocket

TOO_MANY = {"message": "This user has too many connections already.", "data": {"code": "too-many-connections"}}


def handshake(port: int, *forwarded: str) -> Answer:
    headers = {"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {}
    return request(port, "GET", "/socket.io/?EIO=4&transport=polling", headers=headers)


# Connections of one user


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_user_has_so_many_connections(stack, transport):
    with edge_ws(stack, f"ws-user-{transport}", WS_MAX_CONNECTIONS_PER_USER=2) as edge, contextlib.ExitStack() as clients:
        def connect(user: str) -> Client:
            return clients.enter_context(Client(edge.port, query=f"?userId={user}", transport=transport))

        first, second, third = connect("u1"), connect("u1"), connect("u1")
        assert first.connected and second.connected
        assert not third.connected and third.error == TOO_MANY
        assert connect("u2").connected
        first.client.disconnect()
        wait_until(lambda: connect("u1").connected, 5, "the place of one that has gone")
        assert connect("u1").error == TOO_MANY
        clients.close()
        edge.stop()
        assert int(edge.summary()["refused"]["too-many-connections"]) >= 2


def test_registering_is_bounded_as_well(stack):
    with edge_ws(stack, "ws-register", WS_MAX_CONNECTIONS_PER_USER=1) as edge, contextlib.ExitStack() as clients:
        first, second, third = (clients.enter_context(Client(edge.port)) for _ in range(3))
        assert first.call("register-user", "u1")["ok"]
        assert second.call("register-user", "u1") == {"ok": False, "error": TOO_MANY["message"]}
        assert second.call("register-user", "u2")["ok"], "the socket is as it was"
        assert second.call("register-user", "u2")["ok"]
        assert first.call("register-user", "u3")["ok"]
        assert third.call("register-user", "u1")["ok"], "the place of one that has moved on"


def test_a_tokens_user_is_the_one_who_counts(stack):
    with edge_ws(stack, "ws-tokens", WS_MAX_CONNECTIONS_PER_USER=1, AUTH_JWT_SECRET=SECRET) as edge:
        with Client(edge.port, auth={"token": token(sub="u1")}) as first, Client(edge.port, auth={"token": token(sub="u1")}) as second:
            assert first.connected and second.code == "too-many-connections"
            with Client(edge.port, auth={"token": "wrong"}, query="?userId=u2") as other:
                assert other.code == "token-malformed"
            with Client(edge.port, auth={"token": token(sub="u2")}) as other:
                assert other.connected, "a socket that was refused has taken no place"
        edge.stop()
        assert edge.summary()["refused"] == {"too-many-connections": "1", "token-malformed": "1"}


# Sessions of one address


@pytest.fixture
def rated(stack):
    with edge_ws(stack, "ws-rated", WS_CONNECT_RATE=1, WS_CONNECT_BURST=3, WS_TRUSTED_PROXIES=json.dumps(["127.0.0.0/8", "10.0.0.0/8"])) as edge:
        yield edge


def test_an_address_begins_so_many_sessions(rated):
    answers = [handshake(rated.port) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].headers["retry-after"] == "1"
    # What has a session goes on, and so does what is none.
    sid = json.loads(answers[0].body[1:])["sid"]
    url = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    for _ in range(10):
        assert request(rated.port, "POST", url, b"3").status == 200
    with WebSocket(rated.port, "/socket.io/?EIO=4&transport=websocket") as websocket:
        assert websocket.refusal.status == 429
    time.sleep(1.1)
    with Raw(rated.port) as raw:
        assert raw.join()[0] == "0"
    assert handshake(rated.port).status == 429
    rated.stop()
    assert rated.summary()["refused"] == {"connect-rate": "4"}


def test_a_trusted_proxy_tells_the_address(rated):
    for client in ("203.0.113.1", "2001:db8::1"):
        assert [handshake(rated.port, client).status for _ in range(4)] == [200, 200, 200, 429]
    assert handshake(rated.port, "203.0.113.2").status == 200
    assert handshake(rated.port, "203.0.113.1", "10.1.2.3").status == 429, "through two proxies"
    assert handshake(rated.port, "2001:db8::2").status == 429, "the same network"
    # What the client writes in front is not its address.
    assert handshake(rated.port, "203.0.113.9", "203.0.113.1").status == 429
    # What is no address is not believed: the proxy's own counts, which has had none yet.
    assert [handshake(rated.port, "203.0.113.9", "nonsense").status for _ in range(4)] == [200, 200, 200, 429]


def test_who_is_no_trusted_proxy_is_not_believed(stack):
    with edge_ws(stack, "ws-untrusted", WS_CONNECT_RATE=1, WS_CONNECT_BURST=3) as edge:
        assert [handshake(edge.port, f"203.0.113.{n}").status for n in range(5)] == [200, 200, 200, 429, 429]


def test_the_connect_rate_is_off_unless_it_is_set(stack):
    assert {handshake(stack.ports["edge-ws-1"]).status for _ in range(300)} == {200}


@pytest.mark.parametrize("leaves", [False, True])
def test_connects_of_one_connection_are_bounded(stack, leaves):
    """Tokens cannot be tried without end, nor subscriptions be made and ended."""
    env = {} if leaves else {"AUTH_JWT_SECRET": SECRET}
    with edge_ws(stack, "ws-connects", **env) as edge, Raw(edge.port, "&userId=u1") as raw:
        for _ in range(100):
            kind, reply = raw.join({"token": token(secret="x" * 32)})
            assert (kind, "sid" in reply) == (("0", True) if leaves else ("4", False))
            if leaves:
                raw.send(f"41{NAMESPACE},")
        raw.send(f"40{NAMESPACE},")
        assert raw.receive() is None
        edge.stop()
        assert edge.summary()["refused"] == ({} if leaves else {"token-signature": "100"})


# Events of one socket


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_socket_sends_so_many_events(stack, transport):
    with edge_ws(stack, f"ws-events-{transport}", WS_EVENT_RATE=10, BRIDGE_SOCKET=None) as edge, Client(edge.port, transport=transport) as client, Client(edge.port) as other:
        answers: list[dict] = []
        for _ in range(15):
            client.emit("nothing", {}, callback=answers.append)
        wait_until(lambda: len(answers) == 15, 10, "all acknowledgements")
        statuses = [answer["status"] for answer in answers]
        assert statuses[:10] == [404] * 10 and statuses.count(429) >= 3, statuses
        body = next(answer["body"] for answer in answers if answer["status"] == 429)
        assert body["type"] == "urn:vy-gateway:problem:too-many-events" and body["title"] == "Too Many Requests"
        assert (body["status"], body["outcome"], body["retryAfter"]) == (429, "not_sent", 1)
        assert len(body["requestId"]) == 32 and body["instance"] == NAMESPACE
        assert other.call("nothing", {})["status"] == 404, "another socket's are its own"
        time.sleep(1.1)
        assert client.call("nothing", {})["status"] == 404
        assert client.connected and not client.disconnects
        edge.stop()
        assert int(edge.summary()["refused"]["event-rate"]) == statuses.count(429)


def test_registrations_count_as_events(stack):
    with edge_ws(stack, "ws-registrations", WS_EVENT_RATE=2) as edge, Client(edge.port) as client:
        answers = []
        for number in range(4):
            client.emit("register-user", f"u{number}", callback=answers.append)
        wait_until(lambda: len(answers) == 4, 10, "all acknowledgements")
        assert answers.count({"ok": False, "error": "Too many events; wait a second."}) == 2
        assert {"ok": True, "userId": "u1"} in answers


def test_a_flood_is_ended(stack):
    """With `41`, after which official clients do not come back by themselves; also where no event asks for an answer."""
    with edge_ws(stack, "ws-flood", WS_EVENT_RATE=10) as edge, Raw(edge.port) as raw, Client(edge.port, query="?userId=u1") as other:
        assert raw.join()[0] == "0"
        for _ in range(60):
            raw.send(f'42{NAMESPACE},["nothing",{{}}]')
        assert raw.receive() == f"41{NAMESPACE},"
        assert other.connected and other.call("register-user", "u1")["ok"]
        edge.stop()
        refused = edge.summary()["refused"]
        assert 40 <= int(refused["event-rate"]) <= 50 and refused["event-flood"] == "1"


def test_without_a_rate_events_are_not_counted(stack):
    with edge_ws(stack, "ws-unlimited", WS_EVENT_RATE=0, BRIDGE_SOCKET=None) as edge, Client(edge.port) as client:
        answers = []
        for _ in range(300):
            client.emit("nothing", {}, callback=answers.append)
        wait_until(lambda: len(answers) == 300, 10, "all acknowledgements")
        assert {answer["status"] for answer in answers} == {404}


# Settings


@pytest.mark.parametrize("env, mistake", [
    ({"WS_TRUSTED_PROXIES": '["10.0.0.0/33"]'}, "'10.0.0.0/33' is no address and no block of addresses"),
    ({"WS_TRUSTED_PROXIES": "10.0.0.1"}, "is not a JSON array of strings"),
    ({"WS_MAX_CONNECTIONS_PER_USER": "0"}, "WS_MAX_CONNECTIONS_PER_USER: '0'"),
    ({"WS_CONNECT_RATE": "-1"}, "WS_CONNECT_RATE: '-1'"),
    ({"WS_EVENT_RATE": "many"}, "WS_EVENT_RATE: 'many'"),
])
def test_wrong_settings_are_told_at_the_start(env, mistake, tmp_path):
    run = subprocess.run([binary("edge-ws"), "--check-config"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=10)
    assert run.returncode == 64 and mistake in run.stderr
