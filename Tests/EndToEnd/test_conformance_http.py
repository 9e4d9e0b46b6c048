"""Engine.IO's HTTP over the wire: what is refused and how, CORS on every answer, sizes, and connections that are used again."""

import json

import pytest
from harness.conformance import Engine, Polling, server, sid_of
from harness.http import Answer
from harness.wire import UPGRADE, Connection, Ended, WebSocket, close_frame, frame

MESSAGES = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version"]
PATH = "/engine.io/"
LIMIT = 1000


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """As eio, and messages have at most 1000 bytes."""
    with server("eio", tmp_path_factory.mktemp("small"), max_payload=LIMIT, ping_interval=20_000) as process:
        yield Engine(process.port, PATH)


def assert_error(answer: Answer, code: int) -> None:
    assert answer.status == (403 if code == 4 else 400), answer
    assert answer.body == json.dumps({"code": code, "message": MESSAGES[code]}, separators=(",", ":")).encode()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "connection" not in answer.headers


# 2: what is refused, by which of its faults

# method, query, code; SID is the id of a polling session, WS that of one on a WebSocket
TABLE = [
    ("GET", "EIO=4", 0),
    ("GET", "EIO=4&transport=", 0),
    ("GET", "EIO=4&transport=abc", 0),
    ("GET", "EIO=4&transport=Polling", 0),
    ("GET", "EIO=4&transport=webtransport", 0),
    ("POST", "", 0),
    ("POST", "EIO=3&transport=tcp&sid=none", 0),
    ("GET", "EIO=4&transport=polling&sid=", 1),
    ("GET", "EIO=4&transport=polling&sid=none", 1),
    ("POST", "EIO=4&transport=polling&sid=none", 1),
    ("DELETE", "EIO=4&transport=polling&sid=none", 1),
    ("GET", "EIO=4&transport=websocket&sid=none", 1),
    ("GET", "EIO=4&transport=polling&sid=constructor", 1),
    ("POST", "EIO=4&transport=polling", 2),
    ("PUT", "EIO=4&transport=polling", 2),
    ("HEAD", "EIO=4&transport=polling", 2),
    ("DELETE", "EIO=4&transport=polling", 2),
    ("POST", "EIO=3&transport=polling", 2),
    ("POST", "EIO=4&transport=websocket", 2),
    ("GET", "EIO=4&transport=websocket", 3),
    ("GET", "EIO=3&transport=websocket", 3),
    ("GET", "EIO=4&transport=websocket&sid=SID", 3),
    ("PUT", "EIO=4&transport=polling&sid=SID", 3),
    ("DELETE", "EIO=4&transport=polling&sid=SID", 3),
    ("GET", "EIO=4&transport=polling&sid=WS", 3),
    ("POST", "EIO=4&transport=polling&sid=WS", 3),
    ("GET", "transport=polling", 5),
    ("GET", "EIO=&transport=polling", 5),
    ("GET", "EIO=3&transport=polling", 5),
    ("GET", "EIO=5&transport=polling", 5),
    ("GET", "EIO=abc&transport=polling", 5),
    ("GET", "EIO=44&transport=polling", 5),
]


@pytest.mark.parametrize("method, query, code", TABLE)
def test_02_refused(eio, method, query, code):
    with eio.websocket() as websocket:
        websocket_sid = sid_of(websocket.receive_text())
        query = query.replace("SID", eio.polling().sid).replace("WS", websocket_sid)
        answer = eio.ask(method, f"{PATH}?{query}", "" if method in ("POST", "PUT") else None)
        if method == "HEAD":
            assert answer.status == 400 and answer.headers["content-type"] == "application/json"
        else:
            assert_error(answer, code)


def test_02_a_refused_request_leaves_its_session_as_it_was(eio):
    session = eio.polling()
    for method in ("PUT", "DELETE", "PATCH"):
        assert_error(eio.ask(method, session.target, "" if method != "DELETE" else None), 3)
    session.send("4unharmed")
    assert session.packets() == ["4unharmed"]


# On an upgrade request: the bare message, and the connection ends.

UPGRADES = [
    ("GET", "EIO=4", 0), ("GET", "EIO=4&transport=abc", 0), ("GET", "EIO=4&transport=websocket&sid=none", 1),
    ("POST", "EIO=4&transport=websocket", 2), ("GET", "EIO=4&transport=polling", 3), ("GET", "EIO=4&transport=polling&sid=SID", 3),
    ("GET", "EIO=3&transport=websocket", 5), ("GET", "transport=websocket", 5),
]


@pytest.mark.parametrize("method, query, code", UPGRADES)
def test_02_refused_upgrades(eio, method, query, code):
    query = query.replace("SID", eio.polling().sid)
    with Connection(eio.port) as connection:
        connection.ask(method, f"{PATH}?{query}", "" if method == "POST" else None, UPGRADE)
        answer = connection.answer()
        assert (answer.status, answer.body, answer.headers["content-type"]) == (400, MESSAGES[code].encode(), "text/html")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


@pytest.mark.parametrize("change", [
    {"Sec-WebSocket-Key": ""}, {"Sec-WebSocket-Version": "12"}, {"Sec-WebSocket-Version": ""}, {"Connection": "keep-alive"},
])
def test_02_no_websocket_handshake(eio, change):
    with WebSocket(eio.port, eio.target("websocket"), headers=change) as websocket:
        assert (websocket.refusal.status, websocket.refusal.body) == (400, b"Bad request")
        assert websocket.rest() == b""


def test_an_upgrade_to_something_else_is_no_upgrade(eio):
    answer = eio.ask("GET", eio.target("polling"), headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": ""})
    assert (answer.status, answer.body[:1]) == (200, b"0")


def test_an_origin_with_characters_that_no_header_has(eio):
    with Connection(eio.port) as connection:
        connection.ask("GET", eio.target("polling"), headers={"Origin": "http://a\x7fb"})
        answer = connection.answer()
        assert answer.status == 400


# CORS


@pytest.mark.parametrize("target, status", [
    (f"{PATH}?EIO=4&transport=polling", 200), (f"{PATH}?EIO=4&transport=x", 400), ("/", 404), ("/engine.io", 404), ("/engine.io/x", 404),
    ("/socket.io/?EIO=4&transport=polling", 404), ("//engine.io/", 404), ("/%65ngine.io/", 404),
])
@pytest.mark.parametrize("origin", [{}, {"Origin": "https://shop.example"}])
def test_cors_is_on_every_answer(eio, target, status, origin):
    answer = eio.ask("GET", target, headers=origin)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, "*")


def test_cors_is_on_polls_and_posts(eio):
    session = eio.polling()
    assert session.post("4x").headers["access-control-allow-origin"] == "*"
    assert session.get().headers["access-control-allow-origin"] == "*"
    assert session.post("abc").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("asked", [{}, {"Access-Control-Request-Headers": "content-type, x-token"}])
@pytest.mark.parametrize("query", ["?EIO=4&transport=polling", "?EIO=4&transport=polling&sid=none", ""])
def test_preflight(eio, asked, query):
    answer = eio.ask("OPTIONS", PATH + query, headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", **asked})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert answer.headers.get("access-control-allow-headers") == asked.get("Access-Control-Request-Headers")
    assert ("Access-Control-Request-Headers" in answer.headers.get("vary", "")) == bool(asked)
    assert answer.headers.get("content-length", "0") == "0"
    assert "content-type" not in answer.headers


# Sizes


def test_a_post_of_the_limit_is_taken(small):
    session = small.polling()
    assert session.handshake["maxPayload"] == LIMIT
    session.send("4" + "x" * (LIMIT - 1))
    assert session.packets() == ["4" + "x" * (LIMIT - 1)]


@pytest.mark.parametrize("size", [LIMIT + 1, 200_000, 20_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_post_above_the_limit_is_413(small, size, chunked):
    session = small.polling()
    with Connection(small.port) as connection:
        body = b"4" + b"x" * (size - 1)
        if chunked:
            head = connection.request("POST", session.target, headers={"Transfer-Encoding": "chunked"})
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
        else:
            head = connection.request("POST", session.target, headers={"Content-Length": size})
        try:
            connection.write(head + body)
        except ConnectionError:
            pass  # The server need not read what it has refused, but what it has answered must arrive.
        answer = connection.answer()
        assert answer.status == 413
        assert answer.headers["access-control-allow-origin"] == "*"
    session.send("4unharmed")
    assert session.packets() == ["4unharmed"]


def test_a_length_above_the_limit_is_refused_before_its_body(small):
    session = small.polling()
    with Connection(small.port) as connection:
        connection.write(connection.request("POST", session.target, headers={"Content-Length": LIMIT + 1}))
        assert connection.answer(1).status == 413


@pytest.mark.parametrize("message", ["4" + "x" * (LIMIT - 1), b"x" * LIMIT])
def test_a_websocket_message_of_the_limit_is_taken(small, message):
    with small.connected() as websocket:
        websocket.send(message)
        assert websocket.receive()[1] == (message.encode() if isinstance(message, str) else message)


@pytest.mark.parametrize("message", ["4" + "x" * LIMIT, b"x" * (LIMIT + 1), b"x" * 10_000_000])
def test_a_websocket_message_above_the_limit_closes_with_1009(small, message):
    with small.connected() as websocket:
        try:
            websocket.send(message)
        except ConnectionError:
            pass
        assert websocket.closed() == 1009


def test_fragments_count_together(small):
    with small.connected() as websocket:
        websocket.write(frame("4" + "x" * (LIMIT - 1), fin=False) + frame("y", 0))
        assert websocket.closed() == 1009


@pytest.mark.parametrize("type", ["application/octet-stream", "application/octet-stream; charset=x"])
def test_a_post_of_bytes_is_refused_and_ends_the_session(eio, type):
    session = eio.polling()
    assert_error(session.post("4x", headers={"Content-Type": type}), 3)
    assert session.is_gone()


@pytest.mark.parametrize("type", ["text/plain", "text/plain;charset=UTF-8", "application/json", "", None])
def test_other_types_do_not_matter(eio, type):
    session = eio.polling()
    headers = {"Content-Type": type} if type is not None else {}
    assert eio.ask("POST", session.target, "4x", headers).body == b"ok"
    assert session.packets() == ["4x"]


# Connections


def test_a_session_on_one_connection(eio):
    with Connection(eio.port) as connection:
        connection.ask("GET", eio.target("polling"))
        sid = sid_of(connection.answer().body)
        for n in range(20):
            connection.ask("POST", eio.target("polling", sid), f"4{n}")
            assert connection.answer().body == b"ok"
            connection.ask("GET", eio.target("polling", sid))
            assert connection.answer().body == b"4%d" % n


def test_pipelined_requests_are_answered_in_order(eio):
    session = eio.polling()
    with Connection(eio.port) as connection:
        connection.write(
            connection.request("POST", session.target, "4a") + connection.request("GET", "/nothing") + connection.request("POST", session.target, "4b")
            + connection.request("GET", session.target) + connection.request("POST", session.target, "4c") + connection.request("GET", session.target))
        answers = [connection.answer() for _ in range(6)]
        assert [(answer.status, answer.body) for answer in answers] == [
            (200, b"ok"), (404, b"Not Found"), (200, b"ok"), (200, b"4a\x1e4b"), (200, b"ok"), (200, b"4c")]


def test_a_get_that_waits_holds_what_is_pipelined_behind_it(eio):
    session = eio.polling()
    with Connection(eio.port) as connection:
        connection.write(connection.request("GET", session.target) + connection.request("GET", "/nothing"))
        assert connection.is_silent()
        session.send("4x")
        assert (connection.answer().body, connection.answer().status) == (b"4x", 404)


def test_a_websocket_by_the_second_request_of_a_connection(eio):
    with Connection(eio.port) as connection:
        connection.ask("GET", eio.target("polling"))
        sid = sid_of(connection.answer().body)
        connection.ask("POST", eio.target("polling", sid), "4x")
        assert connection.answer().body == b"ok"
        websocket = WebSocket(eio.port, eio.target("websocket", sid), on=connection)
        assert websocket.refusal is None
        websocket.send("2probe")
        assert websocket.receive_text() == "3probe"
        websocket.send("5")
        assert websocket.receive_text() == "4x"


def test_frames_right_behind_the_upgrade_request(eio):
    with eio.websocket(behind=frame("4one") + frame(b"two") + frame("4three")[:3]) as websocket:
        assert websocket.receive_text().startswith('0{"sid"')
        assert [websocket.receive()[1], websocket.receive()[1]] == [b"4one", b"two"]
    session = eio.polling()
    session.send("4queued")
    with eio.websocket(session.sid, behind=frame("2probe") + frame("5") + frame("4direct")) as websocket:
        assert [websocket.receive_text() for _ in range(3)] == ["3probe", "4queued", "4direct"]


def test_a_close_right_behind_the_upgrade_request(eio):
    with eio.websocket(behind=close_frame(1001)) as websocket:
        assert websocket.receive_text().startswith('0{"sid"')
        assert websocket.closed() == 1001


def test_connection_close_is_honoured(eio):
    with Connection(eio.port) as connection:
        connection.ask("GET", eio.target("polling"), headers={"Connection": "close"})
        assert connection.answer().headers["connection"] == "close"
        assert connection.rest() == b""


def test_http_1_0(eio):
    with Connection(eio.port) as connection:
        connection.write(f"GET {eio.target('polling')} HTTP/1.0\r\n\r\n".encode())
        assert connection.answer().body.startswith(b"0{")
        assert connection.rest() == b""


@pytest.mark.parametrize("garbage", [
    b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 1000, b"GET " + b"/" * 200_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])
def test_what_is_not_http(eio, garbage):
    with Connection(eio.port) as connection:
        try:
            connection.write(garbage)
            connection.socket.shutdown(1)
        except OSError:
            pass
        answer = connection.rest()
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 431", b"HTTP/1.0 400", b"HTTP/1.1 414")), answer[:100]
    assert Polling(eio).sid


def test_a_half_sent_request_ends_with_its_connection(eio):
    session = eio.polling()
    with Connection(eio.port) as connection:
        connection.write(connection.request("POST", session.target, headers={"Content-Length": 10}) + b"4half")
    session.send("4unharmed")
    assert session.packets() == ["4unharmed"]
    with pytest.raises((Ended, OSError)):
        connection.answer()
