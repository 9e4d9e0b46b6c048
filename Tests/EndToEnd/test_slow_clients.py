"""Clients that send or read slowly, or nothing, against edge-http's time-outs; and honest ones beside them."""

import socket
import time

import pytest
from harness.clock import running
from harness.http import Answer, assert_problem
from harness.slow import SlowClient, drip, post
from harness.stack import SERVICE, intent

PATH = SERVICE + "/payment-intents"
HEADER, BODY, IDLE, ANSWER = 0.5, 0.8, 0.6, 0.7
POST = post(PATH, intent())
TOPIC = "vy-finance-payments.payment-intents.create"


@pytest.fixture(scope="module")
def port(whole_stack):
    whole_stack.repair()
    times = {"HEADER": HEADER, "BODY": BODY, "IDLE": IDLE, "ANSWER": ANSWER}
    with whole_stack.http_replica("edge-http-strict", **{f"HTTP_{name}_TIMEOUT": int(s * 1000) for name, s in times.items()}):
        yield whole_stack.ports["edge-http-strict"]


def assert_timed_out(answer: Answer) -> None:
    assert answer.status == 408, answer
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:vy-gateway:problem:request-timeout" and problem["outcome"] == "not_sent"
    assert problem["requestId"] == answer.headers["x-request-id"]


def test_a_connection_that_sends_nothing_is_closed_without_a_word(port):
    with SlowClient(port) as client:
        ending = client.ending()
        ended = time.monotonic()
    assert ending.data == b"" and HEADER * 0.9 < ended - client.since and running(client.since, ended) < HEADER + 0.5, ending


@pytest.mark.parametrize("first", [b"", POST], ids=["the first header", "a later header"])
def test_a_slow_header_is_408(port, first):
    with SlowClient(port, first) as client:
        if first:
            assert client.answer().status == 201
        begun = time.monotonic()
        drip(client, POST[:60])
        answer = client.answer()
        answered = time.monotonic()
        ending = client.ending()
    assert_timed_out(answer)
    assert HEADER * 0.9 < answered - begun and running(begun, answered) < HEADER + 0.5
    assert ending.data == b"" and not ending.reset


def test_a_slow_body_is_408_and_sends_nothing(stack, port):
    before = len(stack.kafka.records(TOPIC))
    head = POST[:POST.index(b"\r\n\r\n")]
    with SlowClient(port, head + b"\r\nX-Request-Id: slow-1\r\nOrigin: https://shop.example\r\n\r\n") as client:
        drip(client, POST[len(head) + 4:])
        answer = client.answer()
        answered = time.monotonic()
    assert_timed_out(answer)
    assert_problem(answer, 408, "not_sent", instance=PATH)
    assert answer.headers["x-request-id"] == "slow-1"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert BODY * 0.9 < answered - client.since and running(client.since, answered) < BODY + 0.6
    assert len(stack.kafka.records(TOPIC)) == before


def test_what_comes_slowly_but_in_time_is_taken(port):
    middle = POST.index(b"\r\n\r\n") + 4
    with SlowClient(port) as client:
        for _ in range(2):
            for part in (POST[:30], POST[30:middle], POST[middle:middle + 5], POST[middle + 5:]):
                client.send(part)
                time.sleep(0.3)
            assert client.answer().status == 201


def test_an_idle_connection_is_closed_without_a_word(port):
    with SlowClient(port, POST) as client:
        assert client.answer().status == 201
        begun = time.monotonic()
        ending = client.ending()
    assert ending.data == b"" and not ending.reset
    assert IDLE * 0.9 < time.monotonic() - begun and running(begun) < IDLE + 0.5


def test_a_request_that_is_worked_on_has_all_its_time(port):
    slow = post("/e2e/brief", intent(demo={"delayMs": 2500}))
    with SlowClient(port, slow) as client:
        assert client.answer().status == 200
        assert time.monotonic() - client.since > 2.4
        client.send(POST)
        assert client.answer().status == 201


@pytest.mark.parametrize("cut", [20, POST.index(b"\r\n\r\n") + 8], ids=["in the header", "in the body"])
def test_what_is_sent_ahead_gets_its_time_when_its_turn_has_come(port, cut):
    slow = post("/e2e/brief", intent(demo={"delayMs": 1500}))
    with SlowClient(port, slow + POST[:cut]) as client:
        time.sleep(0.1)
        assert client.answer().status == 200
        time.sleep(0.3)
        client.send(POST[cut:])
        assert client.answer().status == 201
        # And when it has come, the time is limited.
        client.send(slow + POST[:cut])
        time.sleep(0.1)
        client.send(POST[cut:cut + 1])
        assert client.answer().status == 200
        assert_timed_out(client.answer())


def test_many_requests_sent_ahead_are_answered_in_order(port):
    with SlowClient(port) as client:
        client.send(b"".join(post(PATH, intent(), f"X-Request-Id: ahead-{n}") for n in range(30)))
        assert [client.answer().headers["x-request-id"] for _ in range(30)] == [f"ahead-{n}" for n in range(30)]


def test_a_client_that_reads_nothing_is_disconnected(stack, port):
    with SlowClient(port, receive_buffer=4096) as client:
        client.socket.settimeout(0.2)
        get = b"GET /docs/vy-finance-payments.json HTTP/1.1\r\nHost: x\r\n\r\n"
        with pytest.raises(TimeoutError):
            while True:
                client.send(get * 1000)
        time.sleep(ANSWER + 0.5)
        with pytest.raises(ConnectionError):
            client.send(get)
    assert stack.create(port=port).status == 201


def test_expect_100_continue(port):
    middle = POST.index(b"\r\n\r\n") + 4
    head = POST[:middle - 2] + b"Expect: 100-continue\r\n\r\n"
    with SlowClient(port, head) as client:
        assert client.answer().status == 100
        client.send(POST[middle:])
        assert client.answer().status == 201
        client.send(head.replace(b"Content-Type: application/json", b"Content-Type: text/plain"))
        assert client.answer().status == 100
        answer = client.answer()
        assert answer.status == 415 and answer.headers["connection"] == "close"
    too_large = head[:head.index(b"Content-Length")] + b"Content-Length: 1000001\r\nExpect: 100-continue\r\n\r\n"
    with SlowClient(port, too_large) as client:
        answer = client.answer()
        assert answer.status == 413 and answer.headers["connection"] == "close"


@pytest.mark.parametrize("framing", ["Content-Length: 3000000", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_answered_although_it_is_sent_on(port, framing):
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n".encode()
    chunk = b"186a0\r\n" + b"x" * 100_000 + b"\r\n" if "chunked" in framing else b"x" * 100_000
    for _ in range(20):
        with SlowClient(port, head) as client:
            for _ in range(30):
                client.send(chunk)
            answer = client.answer()
            assert answer.headers["connection"] == "close"
            assert_problem(answer, 413, "not_sent", instance=PATH)
            client.socket.shutdown(socket.SHUT_WR)
            ending = client.ending()
            assert ending.data == b"" and not ending.reset


def test_a_client_that_closes_its_side_still_gets_its_answer(port):
    with SlowClient(port, POST) as client:
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 201
        assert client.ending().data == b""


@pytest.mark.parametrize("head", [b"HTTP/1.0", b"HTTP/1.1\r\nConnection: close"])
def test_a_client_that_wants_one_answer_gets_it_and_the_end(port, head):
    with SlowClient(port, POST.replace(b"HTTP/1.1", head, 1)) as client:
        answer = client.answer()
        assert answer.status == 201 and answer.headers["connection"] == "close"
        assert client.ending().data == b"" and running(client.since) < IDLE * 0.9


def test_silent_connections_at_the_cap_give_way(whole_stack):
    with whole_stack.http_replica("edge-http-small", HTTP_MAX_CONNECTIONS=10, HTTP_HEADER_TIMEOUT=1000) as edge:
        port = whole_stack.ports["edge-http-small"]
        silent = [SlowClient(port) for _ in range(20)]
        try:
            begun = time.monotonic()
            assert whole_stack.create(port=port).status == 201
            assert 0.5 < time.monotonic() - begun and running(begun) < 4
        finally:
            for client in silent:
                client.socket.close()
    assert int(edge.wait_log("connections ended")["idle"]) >= 10
