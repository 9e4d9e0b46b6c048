"""Requests that are wrong, each with its answer, and nothing of them reaches Kafka."""

import json
import socket

import pytest
from harness.http import assert_problem, request
from harness.stack import SERVICE

PATH = SERVICE + "/payment-intents"
JSON = {"Content-Type": "application/json"}
GOOD = b'{"amount":1,"currency":"usd","userId":"1"}'

# name, method, path, headers, body, status
TABLE = [
    ("empty body", "POST", PATH, JSON, b"", 400),
    ("not JSON", "POST", PATH, JSON, b"amount=1999", 400),
    ("cut off", "POST", PATH, JSON, GOOD[:-1], 400),
    ("two values", "POST", PATH, JSON, GOOD + GOOD, 400),
    ("byte order mark", "POST", PATH, JSON, b"\xef\xbb\xbf" + GOOD, 400),
    ("trailing comma", "POST", PATH, JSON, b'{"amount":1,}', 400),
    ("NaN", "POST", PATH, JSON, b'{"amount":NaN}', 400),
    ("control character in a string", "POST", PATH, JSON, b'{"a":"\x01"}', 400),
    ("wrong UTF-8", "POST", PATH, JSON, b'{"userId":"\xff\xfe"}', 400),
    ("overlong UTF-8", "POST", PATH, JSON, b'{"userId":"\xc0\xaf"}', 400),
    ("surrogate in UTF-8", "POST", PATH, JSON, b'{"userId":"\xed\xa0\x80"}', 400),
    ("depth 10,000", "POST", PATH, JSON, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    ("depth 10,000, never closed", "POST", PATH, JSON, b'{"a":' * 10_000, 400),
    ("an array", "POST", PATH, JSON, b"[" + GOOD + b"]", 422),
    ("a string", "POST", PATH, JSON, b'"text"', 422),
    ("a number", "POST", PATH, JSON, b"5", 422),
    ("null", "POST", PATH, JSON, b"null", 422),
    ("2 MiB", "POST", PATH, JSON, b'{"a":"' + b"x" * 2 * 1024 * 1024 + b'"}', 413),
    ("no content type", "POST", PATH, {}, GOOD, 415),
    ("form", "POST", PATH, {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1", 415),
    ("text", "POST", PATH, {"Content-Type": "text/plain"}, GOOD, 415),
    ("another charset", "POST", PATH, {"Content-Type": "application/json; charset=utf-16"}, GOOD, 415),
    ("compressed", "POST", PATH, {**JSON, "Content-Encoding": "gzip"}, GOOD, 415),
    ("only XML accepted", "POST", PATH, {**JSON, "Accept": "application/xml"}, GOOD, 406),
    ("bad idempotency key", "POST", PATH, {**JSON, "Idempotency-Key": "x" * 300}, GOOD, 400),
    ("GET", "GET", PATH, {}, None, 405),
    ("PUT", "PUT", PATH, JSON, GOOD, 405),
    ("DELETE", "DELETE", PATH, {}, None, 405),
    ("unknown path", "POST", SERVICE + "/nothing", JSON, GOOD, 404),
    ("unknown service", "POST", "/vy-other/payment-intents", JSON, GOOD, 404),
    ("path in other case", "POST", PATH.upper(), JSON, GOOD, 404),
]


@pytest.mark.parametrize("through", ["nginx", "edge-http"])
@pytest.mark.parametrize("name, method, path, headers, body, status", TABLE, ids=[row[0] for row in TABLE])
def test_wrong_requests(stack, through, name, method, path, headers, body, status):
    port = stack.port if through == "nginx" else stack.ports["edge-http"]
    answer = request(port, method, path, body, headers)
    problem = assert_problem(answer, status, "not_sent", instance=path)
    if status == 405:
        assert "POST" in answer.headers["allow"]
    if status == 422:
        assert problem["errors"] == [{"pointer": "", "detail": problem["errors"][0]["detail"]}]


def test_nothing_of_them_reaches_kafka(stack):
    topic = "vy-finance-payments.payment-intents.create"
    assert stack.create().status == 201
    before = len(stack.kafka.records(topic))
    for _, method, path, headers, body, _ in TABLE:
        request(stack.ports["edge-http"], method, path, body, headers)
    assert stack.create().status == 201
    assert len(stack.kafka.records(topic)) == before + 1


@pytest.mark.parametrize("type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_good_content_types(stack, type):
    assert request(stack.port, "POST", PATH, GOOD, {"Content-Type": type}).status == 201


def test_the_largest_body_and_depth_are_taken(stack):
    fill = 1_000_000 - len(GOOD) - len(b'"fill":"",')
    body = b'{"fill":"' + b"x" * fill + b'",' + GOOD[1:]
    assert len(body) == 1_000_000
    assert stack.post("/payment-intents", body).status == 201
    deep = b'{"d":' + b"[" * 63 + b"]" * 63 + b"," + GOOD[1:]
    assert stack.post("/payment-intents", deep).status == 201
    assert stack.post("/payment-intents", b'{"d":' + b"[" * 64 + b"]" * 64 + b"," + GOOD[1:]).status == 400


def test_a_body_without_a_length_is_limited_too(stack):
    with socket.create_connection(("127.0.0.1", stack.ports["edge-http"]), 10) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(40):
                client.sendall(chunk)
        except OSError:
            pass  # the server may stop reading once it has answered
        answer = b""
        try:
            while b"\r\n\r\n" not in answer and (data := client.recv(65536)):
                answer += data
        except ConnectionResetError:
            pass
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]


def test_strange_request_ids_are_replaced(stack):
    for given in ("x" * 500, "with space", 'quo"te', "<script>"):
        answer = request(stack.ports["edge-http"], "POST", PATH, GOOD, {**JSON, "X-Request-Id": given})
        assert answer.status == 201
        assert answer.headers["x-request-id"] != given


def test_a_head_that_is_too_large(stack):
    answer = request(stack.ports["edge-http"], "POST", PATH, GOOD, {**JSON, "X-Large": "x" * 100_000})
    assert answer.status in (400, 413, 431)


def test_a_repeated_member_is_passed_on_as_it_is(stack):
    body = b'{"amount":1,"amount":2,"currency":"usd","userId":"1"}'
    assert json.loads(stack.post("/payment-intents", body).body)["amount"] in (1, 2)
