"""Engine.IO 4 over the wire: a polling session's change to WebSocket, number 10 of the facts."""

import time

import pytest
from harness.clock import running
from harness.conformance import Engine, Polling, sid_of
from harness.wire import BINARY, Frame, WebSocket, frame, text

BAD = {"code": 3, "message": "Bad request"}


def probed(eio: Engine, session: Polling) -> WebSocket:
    """A candidate that has sent its probe and got the answer."""
    candidate = eio.websocket(session.sid)
    candidate.send("2probe")
    assert candidate.receive_text() == "3probe"
    return candidate


def upgraded(eio: Engine) -> tuple[Polling, WebSocket]:
    session = eio.polling()
    websocket = probed(eio, session)
    websocket.send("5")
    return session, websocket


def test_10_upgrade(calm):
    session = calm.polling()
    websocket = probed(calm, session)
    with websocket:
        start = time.monotonic()
        answer = session.get()
        assert (answer.status, answer.body) == (200, b"6")
        assert running(start) < 0.15
        websocket.send("5", "4text", b"\x01\x02")
        assert websocket.receive() == text("4text")
        assert websocket.receive() == Frame(BINARY, b"\x01\x02")


def test_10_a_get_that_waits_already_is_let_go_by_the_probe(calm):
    session = calm.polling()
    with session.later() as pending, probed(calm, session) as websocket:
        assert pending.answer().body == b"6"
        websocket.send("5", "4after")
        assert websocket.receive_text() == "4after"


def test_10_until_the_upgrade_polling_goes_on(calm):
    session = calm.polling()
    with probed(calm, session) as websocket:
        session.send("4before")
        assert session.packets() == ["4before"]
        session.send("4queued", "bAQI=")
        websocket.send("5")
        assert [websocket.receive(), websocket.receive()] == [text("4queued"), Frame(BINARY, b"\x01\x02")]


def test_10_heartbeats_go_on_by_websocket(eio):
    _, websocket = upgraded(eio)
    with websocket:
        for _ in range(2):
            assert websocket.receive_text() == "2"
            websocket.send("3")


def test_10_polling_is_over(calm):
    session, websocket = upgraded(calm)
    with websocket:
        for answer in (session.get(), session.post("4x")):
            assert (answer.status, answer.json()) == (400, BAD)
        websocket.send("4unharmed")
        assert websocket.receive_text() == "4unharmed"


def test_10_a_second_websocket_is_closed(calm):
    session, websocket = upgraded(calm)
    with websocket, calm.websocket(session.sid) as second:
        assert second.refusal.status == 400
        websocket.send("4unharmed")
        assert websocket.receive_text() == "4unharmed"


def test_10_a_session_that_began_by_websocket_takes_no_second_one(calm):
    with calm.websocket() as first:
        sid = sid_of(first.receive_text())
        with calm.websocket(sid) as second:
            assert second.refusal.status == 400
        first.send("4unharmed")
        assert first.receive_text() == "4unharmed"


def test_10_one_candidate_at_a_time(calm):
    session = calm.polling()
    with probed(calm, session) as first:
        with calm.websocket(session.sid) as second:
            assert second.refusal.status == 400
        first.send("5", "4x")
        assert first.receive_text() == "4x"


WRONG = {
    "an upgrade without a probe": ["5"], "a plain ping": ["2"], "another probe": ["2prob"], "a message": ["4hello"],
    "a binary message": [b"2probe"], "no packet": ["probe"], "nothing": [""], "a close": ["1"],
    "a message after the probe": ["2probe", "4hello"], "no packet after the probe": ["2probe", "x"],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_10_a_candidate_that_does_something_else_is_closed_alone(calm, messages):
    session = calm.polling()
    with calm.websocket(session.sid) as candidate:
        candidate.send(*messages)
        if messages[0] == "2probe":
            assert candidate.receive_text() == "3probe"
        candidate.closed()
    session.send("4unharmed")
    assert session.packets() == ["4unharmed"]
    with probed(calm, session) as another:
        another.send("5", "4x")
        assert another.receive_text() == "4x"


def test_10_a_candidate_that_breaks_off_leaves_polling_as_it_was(calm):
    session = calm.polling()
    with session.later() as pending:
        probed(calm, session).close()
        assert pending.answer().body == b"6"
    time.sleep(0.05)
    with session.later() as pending:
        session.send("4unharmed")
        assert pending.answer().body == b"4unharmed"


def test_10_a_candidate_that_breaks_the_protocol(calm):
    session = calm.polling()
    with calm.websocket(session.sid) as candidate:
        candidate.write(frame("2probe", mask=False))
        assert candidate.closed() == 1002
    session.send("4unharmed")
    assert session.packets() == ["4unharmed"]


def test_10_the_end_of_a_session_ends_its_candidate(calm):
    session = calm.polling()
    with probed(calm, session) as candidate:
        session.send("1")
        candidate.closed()


def test_10_a_websocket_of_an_ended_session(calm):
    session = calm.polling()
    session.send("1")
    with calm.websocket(session.sid) as candidate:
        assert (candidate.refusal.status, candidate.refusal.body) == (400, b"Session ID unknown")


def test_a_websocket_that_breaks_off_ends_its_session(calm):
    session, websocket = upgraded(calm)
    websocket.close()
    time.sleep(0.05)
    assert session.is_gone()
