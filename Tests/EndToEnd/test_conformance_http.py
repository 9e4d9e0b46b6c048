"""Engine.IO's HTTP over the wire: what is refused and how, and CORS on every answer."""

import json

import pytest
from harness.conformance import sid_of
from harness.http import Answer
from harness.wire import UPGRADE, Connection, WebSocket

MESSAGES = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version"]
PATH = "/engine.io/"


@pytest.fixture
def eio(calm):
    return calm


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
        # With the sign before it: an id may have the letters WS.
        query = query.replace("=SID", "=" + eio.polling().sid).replace("=WS", "=" + websocket_sid)
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
