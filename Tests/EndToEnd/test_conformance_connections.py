"""Engine.IO's HTTP over the wire: sizes, connections that are used again, and what is no HTTP."""

import pytest
from harness.conformance import Engine, Polling, server, sid_of
from harness.wire import Connection, Ended, WebSocket, close_frame, frame

LIMIT = 1000


@pytest.fixture
def eio(calm):
    return calm


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """As eio, and messages have at most 1000 bytes."""
    with server("eio", tmp_path_factory.mktemp("small"), max_payload=LIMIT, ping_interval=20_000) as process:
        yield Engine(process.port, "/engine.io/")


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
    answer = session.post("4x", headers={"Content-Type": type})
    assert (answer.status, answer.json()["code"]) == (400, 3)
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


def test_the_answer_to_head_has_no_body(eio):
    with Connection(eio.port) as connection:
        for target, status in ((eio.target("polling"), 400), ("/nothing", 404)):
            connection.ask("HEAD", target)
            answer = connection.answer(head_only=True)
            assert (answer.status, int(answer.headers["content-length"]) > 0) == (status, True)
        connection.ask("GET", eio.target("polling"))
        assert connection.answer().status == 200


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
