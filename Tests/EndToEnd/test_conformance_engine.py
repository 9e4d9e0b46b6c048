"""Engine.IO 4 over the wire: sessions, heartbeats, and how they end."""

import base64
import json
import time

import pytest
from harness.conformance import INTERVAL, SEPARATOR, TIMEOUT, sid_of
from harness.wire import CLOSE, TEXT, Connection, Ended, frame

UNKNOWN = {"code": 1, "message": "Session ID unknown"}
BAD = {"code": 3, "message": "Bad request"}


# 1: the handshake


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_01_handshake(eio, transport):
    if transport == "polling":
        body = eio.ask("GET", eio.target("polling")).body.decode()
    else:
        with eio.websocket() as websocket:
            body = websocket.receive_text()
    opened = json.loads(body[1:])
    upgrades = '["websocket"]' if transport == "polling" else "[]"
    assert body == f'0{{"sid":"{opened["sid"]}","upgrades":{upgrades},"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}'
    assert len(opened["sid"]) == 20 and opened["sid"].replace("-", "").replace("_", "").isalnum()


def test_01_ids_differ(eio):
    assert len({eio.polling().sid for _ in range(50)}) == 50


def test_01_the_cache_buster_and_the_applications_query_do_not_matter(eio):
    for query in ({"t": "abc123"}, {"userId": "1", "x": "%2F+"}, {"b64": 1}):
        assert eio.ask("GET", eio.target("polling", **query)).body.startswith(b'0{"sid":"')


# 3: packets by polling


def test_03_a_post_is_answered_ok_and_a_get_has_all_that_waits(eio):
    session = eio.polling()
    answer = session.post("4one", "4two", "bAQIDBA==")
    assert (answer.status, answer.body, answer.headers["content-type"], answer.headers["content-length"]) == (200, b"ok", "text/html", "2")
    session.send("4three")
    answer = session.get()
    assert answer.body == b"4one\x1e4two\x1ebAQIDBA==\x1e4three"
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("message", ["", "4", "é€😀", "\u0000\u0001", "\n", '{"a":"/"}', "x" * 100_000])
def test_03_text_comes_back_as_it_was(eio, message):
    session = eio.polling()
    session.send("4" + message)
    assert session.packets() == ["4" + message]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 255, 65_536])
def test_03_binary_is_base64(eio, size):
    packet = "b" + base64.b64encode((bytes(range(256)) * 256)[:size]).decode()
    session = eio.polling()
    session.send(packet, "4after")
    assert session.packets() == [packet, "4after"]


def test_03_a_waiting_get_is_answered_at_once(eio):
    session = eio.polling()
    with session.later() as pending:
        session.send("4now")
        assert pending.answer(0.2).body == b"4now"


# 4: what is no packet


@pytest.mark.parametrize("body", [
    "abc", "", "7", "9x", "é", "4good" + SEPARATOR + "abc", "4good" + SEPARATOR, SEPARATOR + "4good", "b*", "bAQ", "bAQI=x",
    b"4\xff", b"4\xc3", b"4\xed\xa0\x80", b"4a\x1e4\xc0\xaf",
])
def test_04_what_is_no_packet_ends_the_session(eio, body):
    session = eio.polling()
    answer = session.post(body)
    assert (answer.status, answer.json()) == (400, BAD)
    assert session.is_gone()


def test_04_a_pending_get_is_told(eio):
    session = eio.polling()
    with session.later() as pending:
        assert session.post("abc").status == 400
        assert pending.answer().body == b"1"


@pytest.mark.parametrize("message", ["abc", "", "7", "é"])
def test_04_over_websocket_the_connection_closes(eio, message):
    with eio.connected() as websocket:
        websocket.send(message)
        websocket.closed()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_04_a_clients_ping_is_an_error(eio, transport):
    if transport == "polling":
        session = eio.polling()
        assert session.post("2").status in (200, 400)
        assert session.is_gone()
    else:
        with eio.connected() as websocket:
            websocket.send("2")
            websocket.closed()


# 5 and 6: the GET that waits


def test_05_a_second_get_ends_the_session(eio):
    session = eio.polling()
    with session.later() as first:
        second = session.get()
        assert (second.status, second.json()) == (400, BAD)
        assert (first.answer().status, session.is_gone()) == (200, True)


def test_05_the_first_get_is_told_so(eio):
    session = eio.polling()
    with session.later() as first:
        session.get()
        assert first.answer().body == b"1"


@pytest.mark.parametrize("attempt", range(20))
def test_06_an_aborted_get_ends_the_session(eio, attempt):
    session = eio.polling()
    with Connection(eio.port) as other:
        session.later().close()
        other.ask("GET", session.target)
        answer = other.answer()
        assert (answer.status, answer.json()) == (400, UNKNOWN)


# 7 and 8: heartbeats


def test_07_polling_heartbeats(eio):
    session = eio.polling()
    for _ in range(3):
        start = time.monotonic()
        assert session.get().body == b"2"
        assert time.monotonic() - start == pytest.approx(INTERVAL, abs=0.1)
        answer = session.post("3")
        assert (answer.status, answer.body) == (200, b"ok")


def test_07_websocket_heartbeats(eio):
    with eio.connected() as websocket:
        for _ in range(3):
            start = time.monotonic()
            assert websocket.receive_text() == "2"
            assert time.monotonic() - start == pytest.approx(INTERVAL, abs=0.1)
            websocket.send("3")


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("keep_alive", [False, True])
def test_08_ping_timeout_counts_from_the_handshake(eio, keep_alive, attempt):
    """By 500 ms exactly, also on the connection of the handshake, which must not end at the same moment."""
    with Connection(eio.port) as connection:
        connection.ask("GET", eio.target("polling"))
        sid = sid_of(connection.answer().body)
        end = time.monotonic() + INTERVAL + TIMEOUT
        with Connection(eio.port) as other:
            time.sleep(end - time.monotonic())
            used = connection if keep_alive else other
            used.ask("GET", eio.target("polling", sid))
            answer = used.answer()
            assert (answer.status, answer.json()) == (400, UNKNOWN)


def test_08_never_before(eio):
    session = eio.polling()
    time.sleep(INTERVAL + TIMEOUT - 0.05)
    assert session.packets() == ["2"]
    time.sleep(0.05)
    assert session.is_gone()


def test_08_a_pending_get_ends_at_the_timeout(eio):
    start = time.monotonic()
    session = eio.polling()
    assert session.packets() == ["2"]
    answer = session.get()
    assert (answer.status, answer.body) == (200, b"6")
    assert time.monotonic() - start == pytest.approx(INTERVAL + TIMEOUT, abs=0.1)
    assert session.is_gone()


def test_08_websocket(eio):
    start = time.monotonic()
    with eio.connected() as websocket:
        assert websocket.receive_text() == "2"
        websocket.closed()
        assert time.monotonic() - start == pytest.approx(INTERVAL + TIMEOUT, abs=0.1)


def test_08_other_packets_are_no_pong(eio):
    start = time.monotonic()
    with eio.connected() as websocket:
        while time.monotonic() - start < 0.4:
            websocket.send("4x")
            assert websocket.receive_text() in ("4x", "2")
            time.sleep(0.03)
        while websocket.receive().opcode == TEXT:
            pass
        assert time.monotonic() - start == pytest.approx(INTERVAL + TIMEOUT, abs=0.1)


# 9: the client closes


def test_09_close_by_polling(eio):
    session = eio.polling()
    with session.later() as pending:
        session.send("1")
        answer = pending.answer()
        assert (answer.status, answer.body) == (200, b"6")
    assert session.is_gone()


def test_09_what_comes_behind_a_close_is_not_heard(eio):
    session = eio.polling()
    with session.later() as pending:
        session.send("1", "4late")
        assert pending.answer().body == b"6"


def test_09_close_by_websocket(eio):
    with eio.connected() as websocket:
        start = time.monotonic()
        websocket.send("1")
        websocket.closed()
        assert time.monotonic() - start < 0.15


def test_09_a_close_frame(eio):
    with eio.connected() as websocket:
        websocket.write(frame((1000).to_bytes(2), CLOSE))
        assert websocket.closed() == 1000


def test_messages_on_a_websocket_come_back_in_order(eio):
    with eio.connected() as websocket:
        sent = [str(n) if n % 3 else bytes([n & 255]) * n for n in range(500)]
        websocket.send(*("4" + message if isinstance(message, str) else message for message in sent))
        for message in sent:
            opcode, payload = websocket.receive()
            assert payload == (("4" + message).encode() if isinstance(message, str) else message)
    with pytest.raises((Ended, OSError)):
        websocket.receive()
