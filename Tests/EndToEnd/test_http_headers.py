"""What every answer of edge-http says beside its content, whoever in it has made the answer."""

import pytest
from harness.slow import SlowClient, post
from harness.stack import ORIGIN, SERVICE, intent

PATH = SERVICE + "/payment-intents"
HOST = b"Host: x\r\n"
GOOD = post(PATH, intent())
STRICT = "default-src 'none'; frame-ancestors 'none'"
# name, bytes, status, Cache-Control; of what is no HTTP at all as well
ANSWERS = [
    ("created", GOOD, 201, "no-store"),
    ("not JSON", GOOD.replace(b"{", b"["), 400, "no-store"),
    ("a wrong type", GOOD.replace(b"application/json", b"text/plain"), 415, "no-store"),
    ("no such path", b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n", 404, "no-store"),
    ("no such method", b"GET " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n", 405, "no-store"),
    ("no such method of the documentation", b"POST /docs/ HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", 405, "no-store"),
    ("OPTIONS", b"OPTIONS " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n", 204, "no-store"),
    ("preflight", b"OPTIONS " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + f"Origin: {ORIGIN}\r\n".encode()
     + b"Access-Control-Request-Method: POST\r\n\r\n", 204, "no-store"),
    ("no such operation", b"GET /operations/x HTTP/1.1\r\n" + HOST + b"\r\n", 404, "no-store"),
    ("documentation", b"GET /docs HTTP/1.1\r\n" + HOST + b"\r\n", 302, "no-store"),
    ("documentation as JSON", b"GET /docs/vy-finance-payments.json HTTP/1.1\r\n" + HOST + b"\r\n", 200, "no-cache"),
    ("too large", b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + HOST
     + b"Content-Type: application/json\r\nContent-Length: 9999999\r\n\r\n", 413, "no-store"),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "no-store"),
    ("no such version", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400, "no-store"),
    ("a space in a field's name", b"GET / HTTP/1.1\r\n" + HOST + b"A b: c\r\n\r\n", 400, "no-store"),
    ("two lengths", GOOD.replace(b"\r\n\r\n", b"\r\nContent-Length: 7\r\n\r\n", 1), 400, "no-store"),
    ("a length and chunks", GOOD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1), 400, "no-store"),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400, "no-store"),
    ("two hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "no-store"),
    ("a large field", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 20_000 + b"\r\n\r\n", 431, "no-store"),
    ("many fields", b"GET / HTTP/1.1\r\n" + HOST + b"X: x\r\n" * 200 + b"\r\n", 431, "no-store"),
    ("a wrong chunk", b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + HOST
     + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "no-store"),
]


@pytest.mark.parametrize("data, status, caching", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_every_answer(stack, data, status, caching):
    with SlowClient(stack.ports["edge-http"], data) as client:
        answer = client.answer()
    assert answer.status == status, answer
    expected = {
        "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
        "cache-control": caching, "content-security-policy": STRICT,
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert answer.headers["date"].endswith(" GMT")
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers, "nobody is asked over HTTP to come by TLS"
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status and problem["requestId"] == answer.headers["x-request-id"]
        assert problem["outcome"] == "not_sent"


def test_pages_have_a_policy_of_their_own(stack):
    for path in ("/", "/docs/"):
        answer = stack.get(path, port=stack.ports["edge-http"])
        assert answer.status == 200 and answer.headers["x-content-type-options"] == "nosniff"
        assert "'self'" in answer.headers["content-security-policy"]


def test_what_is_no_http_behind_a_request_does_not_cost_its_answer(stack):
    with SlowClient(stack.ports["edge-http"], post("/e2e/brief", intent(demo={"delayMs": 300})) + b"nonsense\r\n\r\n") as client:
        assert client.answer().status == 200
        answer = client.answer()
        assert answer.status == 400 and answer.headers["connection"] == "close"
        assert client.ending().data == b""
