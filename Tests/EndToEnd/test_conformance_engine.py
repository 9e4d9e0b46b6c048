"""Engine.IO 4 over the wire: sessions, heartbeats, and how they end."""

import base64
import json
import time

import pytest
from harness.clock import running
from harness.conformance import INTERVAL, SEPARATOR, TIMEOUT, sid_of
from harness.processes import wait_until
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
    assert body == f'0{{"sid":"{opened["sid"]}","upgrades":{upgrades},"pingInterval":300,"pingTimeout":500,"maxPayload":1000000}}'
    assert len(opened["sid"]) == 20 and opened["sid"].replace("-", "").replace("_", "").isalnum()


def test_01_ids_differ(calm):
    assert len({calm.polling().sid for _ in range(50)}) == 50


def test_01_the_cache_buster_and_the_applications_query_do_not_matter(calm):
    for query in ({"t": "abc123"}, {"userId": "1", "x": "%2F+"}, {"b64": 1}):
        assert calm.ask("GET", calm.target("polling", **query)).body.startswith(b'0{"sid":"')


# 3: packets by polling


def test_03_a_post_is_answered_ok_and_a_get_has_all_that_waits(calm):
    session = calm.polling()
    answer = session.post("4one", "4two", "bAQIDBA==")
    assert (answer.status, answer.body, answer.headers["content-type"], answer.headers["content-length"]) == (200, b"ok", "text/html", "2")
    session.send("4three")
    answer = session.get()
    assert answer.body == b"4one\x1e4two\x1ebAQIDBA==\x1e4three"
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("message", ["", "4", "é€😀", "\u0000\u0001", "\n", '{"a":"/"}', "x" * 100_000])
def test_03_text_comes_back_as_it_was(calm, message):
    session = calm.polling()
    session.send("4" + message)
    assert session.packets() == ["4" + message]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 255, 65_536])
def test_03_binary_is_base64(calm, size):
    packet = "b" + base64.b64encode((bytes(range(256)) * 256)[:size]).decode()
    session = calm.polling()
    session.send(packet, "4after")
    assert session.packets() == [packet, "4after"]


def test_03_a_waiting_get_is_answered_at_once(calm):
    session = calm.polling()
    with session.later() as pending:
        session.send("4now")
        assert pending.answer().body == b"4now"


# 4: what is no packet


@pytest.mark.parametrize("body", [
    "abc", "", "7", "9x", "é", "4good" + SEPARATOR + "abc", "4good" + SEPARATOR, SEPARATOR + "4good", "b*", "bAQ", "bAQI=x",
    b"4\xff", b"4\xc3", b"4\xed\xa0\x80", b"4a\x1e4\xc0\xaf",
])
def test_04_what_is_no_packet_ends_the_session(calm, body):
    session = calm.polling()
    answer = session.post(body)
    assert (answer.status, answer.json()) == (400, BAD)
    assert session.is_gone()


def test_04_a_pending_get_is_told(calm):
    session = calm.polling()
    with session.later() as pending:
        assert session.post("abc").status == 400
        assert pending.answer().body == b"1"


@pytest.mark.parametrize("message", ["abc", "", "7", "é"])
def test_04_over_websocket_the_connection_closes(calm, message):
    with calm.connected() as websocket:
        websocket.send(message)
        websocket.closed()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_04_a_clients_ping_is_an_error(calm, transport):
    if transport == "polling":
        session = calm.polling()
        assert session.post("2").status in (200, 400)
        assert session.is_gone()
    else:
        with calm.connected() as websocket:
            websocket.send("2")
            websocket.closed()


# 5 and 6: the GET that waits


def test_05_a_second_get_ends_the_session(calm):
    session = calm.polling()
    with session.later() as first:
        second = session.get()
        assert (second.status, second.json()) == (400, BAD)
        assert (first.answer().status, session.is_gone()) == (200, True)


def test_05_the_first_get_is_told_so(calm):
    session = calm.polling()
    with session.later() as first:
        session.get()
        assert first.answer().body == b"1"


@pytest.mark.parametrize("attempt", range(20))
def test_06_an_aborted_get_ends_the_session(calm, attempt):
    session = calm.polling()
    with Connection(calm.port) as other:
        session.later().close()
        other.ask("GET", session.target)
        answer = other.answer()
        assert (answer.status, answer.json()) == (400, UNKNOWN)


# 7 and 8: heartbeats


def test_07_polling_heartbeats(eio):
    begun = time.monotonic()
    session = eio.polling()
    for beat in range(1, 4):
        start = time.monotonic()
        assert session.get().body == b"2"
        assert beat * INTERVAL <= time.monotonic() - begun and running(start) < INTERVAL + 0.1
        answer = session.post("3")
        assert (answer.status, answer.body) == (200, b"ok")


def test_07_websocket_heartbeats(eio):
    begun = time.monotonic()
    with eio.connected() as websocket:
        for beat in range(1, 4):
            start = time.monotonic()
            assert websocket.receive_text() == "2"
            assert beat * INTERVAL <= time.monotonic() - begun and running(start) < INTERVAL + 0.1
            websocket.send("3")


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("keep_alive", [False, True])
def test_08_ping_timeout_counts_from_the_handshake(eio, keep_alive, attempt):
    """To the millisecond, also on the connection of the handshake, which must not end at the same moment."""
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
    def asked_late() -> bool:
        begun = time.monotonic()
        session = eio.polling()
        time.sleep(INTERVAL + TIMEOUT - 0.05)
        answer = session.get()
        if answer.status != 200 and time.monotonic() - begun > INTERVAL + TIMEOUT:
            return False  # It was asked too late.
        assert answer.body == b"2"
        time.sleep(0.05)
        return session.is_gone()

    wait_until(asked_late, 30, "a GET just before the end")


def assert_missed_heartbeat(start: float) -> None:
    assert INTERVAL + TIMEOUT <= time.monotonic() - start and running(start) < INTERVAL + TIMEOUT + 0.1


def test_08_a_pending_get_ends_at_the_timeout(eio):
    start = time.monotonic()
    session = eio.polling()
    assert session.packets() == ["2"]
    answer = session.get()
    assert (answer.status, answer.body) == (200, b"6")
    assert_missed_heartbeat(start)
    assert session.is_gone()


def test_08_websocket(eio):
    start = time.monotonic()
    with eio.connected() as websocket:
        assert websocket.receive_text() == "2"
        websocket.closed()
        assert_missed_heartbeat(start)


def test_08_other_packets_are_no_pong(eio):
    start = time.monotonic()
    with eio.connected() as websocket:
        while time.monotonic() - start < 0.4:
            websocket.send("4x")
            assert websocket.receive_text() in ("4x", "2")
            time.sleep(0.03)
        while websocket.receive().opcode == TEXT:
            pass
        assert_missed_heartbeat(start)


# 9: the client closes


def test_09_close_by_polling(calm):
    session = calm.polling()
    with session.later() as pending:
        session.send("1")
        answer = pending.answer()
        assert (answer.status, answer.body) == (200, b"6")
    assert session.is_gone()


def test_09_what_comes_behind_a_close_is_not_heard(calm):
    session = calm.polling()
    with session.later() as pending:
        session.send("1", "4late")
        assert pending.answer().body == b"6"


def test_09_close_by_websocket(calm):
    with calm.connected() as websocket:
        start = time.monotonic()
        websocket.send("1")
        websocket.closed()
        assert running(start) < 0.15


def test_09_a_close_frame(calm):
    with calm.connected() as websocket:
        websocket.write(frame((1000).to_bytes(2), CLOSE))
        assert websocket.closed() == 1000


def test_messages_on_a_websocket_come_back_in_order(calm):
    with calm.connected() as websocket:
        sent = [str(n) if n % 3 else bytes([n & 255]) * n for n in range(500)]
        websocket.send(*("4" + message if isinstance(message, str) else message for message in sent))
        for message in sent:
            opcode, payload = websocket.receive()
            assert payload == (("4" + message).encode() if isinstance(message, str) else message)
    with pytest.raises((Ended, OSError)):
        websocket.receive()
