"""Each status that a client can be told, reached from outside, with its problem document; and that docs/contracts.md lists them all."""

import re
import threading
import time
from contextlib import ExitStack

import pytest
from harness.extra import SECRET, token
from harness.http import assert_problem, request
from harness.operations import key, new_user
from harness.rest import edge_http
from harness.stack import ROOT, SERVICE, intent

CREATE = SERVICE + "/payment-intents"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def strict(whole_stack):
    """An edge that wants tokens, and one that works on one request at a time."""
    with ExitStack() as edges:
        yield {
            "tokens": edges.enter_context(edge_http(whole_stack, "http-table-auth", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_CALLER=2)).port,
            "narrow": edges.enter_context(edge_http(whole_stack, "http-table-narrow", HTTP_MAX_IN_FLIGHT=1)).port,
        }


def bearer(user: str) -> dict:
    return {"Authorization": f"Bearer {token(sub=user)}"}


def in_flight(stack):
    """A second request with a key whose first one has no answer within the second's own deadline."""
    mine, body = key(), intent(new_user(), {"delayMs": 2500})
    first = threading.Thread(target=lambda: stack.post("/e2e/patient", body, headers=mine))
    first.start()
    time.sleep(0.5)
    try:
        return stack.post("/e2e/patient", body, headers={**mine, "Prefer": "wait=1"})
    finally:
        first.join()


def at_the_limit(stack, port: int):
    busy = threading.Thread(target=lambda: stack.post("/e2e/brief", intent(new_user(), {"delayMs": 1200}), port=port))
    busy.start()
    time.sleep(0.4)
    try:
        return stack.create(new_user(), port=port)
    finally:
        busy.join()


def above_the_rate(stack, port: int):
    user = new_user()
    return [stack.create(user, port=port, headers=bearer(user)) for _ in range(3)][-1]


def reused(stack):
    mine = key()
    assert stack.create(new_user(), headers=mine).status == 201
    return stack.create(new_user(), headers=mine)


# status, outcome, code, how it is reached
PROBLEMS = [
    (400, "not_sent", "malformed-json", lambda s, p: s.post(CREATE, b"{")),
    (400, "not_sent", "bad-idempotency-key", lambda s, p: s.create(headers={"Idempotency-Key": "a b"})),
    (401, "not_sent", "token-missing", lambda s, p: s.create(port=p["tokens"])),
    (402, "answered", None, lambda s, p: s.create(demo={"reply": "rpc-402"})),
    (403, "not_sent", None, lambda s, p: s.create("somebody", port=p["tokens"], headers=bearer(new_user()))),
    (404, "not_sent", "unknown-route", lambda s, p: s.post(SERVICE + "/none")),
    (404, "not_sent", "unknown-operation", lambda s, p: s.get("/operations/" + "0" * 32)),
    (404, "answered", None, lambda s, p: s.post("/payment-intents/get", {"id": "pi_none"})),
    (405, "not_sent", "method-not-allowed", lambda s, p: s.get(CREATE)),
    (406, "not_sent", "not-acceptable", lambda s, p: s.create(headers={"Accept": "text/html"})),
    (409, "unknown", "idempotency-key-in-flight", lambda s, p: in_flight(s)),
    (413, "not_sent", None, lambda s, p: s.post(CREATE, b'{"x":"' + b"x" * 1_100_000 + b'"}', port=s.ports["edge-http"])),
    (415, "not_sent", "unsupported-media-type", lambda s, p: request(s.port, "POST", CREATE, b"{}", {"Content-Type": "text/plain"})),
    (422, "not_sent", "invalid-body", lambda s, p: s.post(CREATE, {"amount": 0.5})),
    (422, "not_sent", "idempotency-key-reused", lambda s, p: reused(s)),
    (429, "not_sent", "rate-limit", lambda s, p: above_the_rate(s, p["tokens"])),
    (502, "answered", None, lambda s, p: s.create(demo={"reply": "rpc-text"})),
    (503, "not_sent", "too-many-requests-in-flight", lambda s, p: at_the_limit(s, p["narrow"])),
    (503, "not_sent", None, lambda s, p: s.post("/e2e/missing")),
    (504, "unknown", "deadline", lambda s, p: s.post("/e2e/silent", intent(new_user(), {"reply": "silent"}))),
]
SUCCESSES = [
    (200, lambda s: s.post("/payment-intents/get", {"id": s.create().json()["id"]})),
    (201, lambda s: s.create()),
    (202, lambda s: s.create(headers={"Prefer": "respond-async"})),
]


@pytest.mark.parametrize("status, outcome, code, ask", PROBLEMS, ids=[f"{row[0]}-{row[2] or row[1]}" for row in PROBLEMS])
def test_a_problem(stack, strict, status, outcome, code, ask):
    answer = ask(stack, strict)
    problem = assert_problem(answer, status, outcome)
    if code is not None:
        assert problem["type"] == f"urn:vy-gateway:problem:{code}"
    # Whoever may send it again is told when (RFC 9110 §10.2.3).
    if status in (409, 429, 503):
        assert int(answer.headers["retry-after"]) == problem["retryAfter"] >= 1
    if status == 504:
        assert re.fullmatch("/operations/[0-9a-f]{32}", answer.headers["location"])
    if status == 405:
        assert answer.headers["allow"] == "POST, OPTIONS"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if code == "invalid-body":
        assert all(set(fault) == {"pointer", "detail"} for fault in problem["errors"]) and problem["errors"]


@pytest.mark.parametrize("status, ask", SUCCESSES, ids=[str(row[0]) for row in SUCCESSES])
def test_a_success(stack, status, ask):
    answer = ask(stack)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json; charset=utf-8")
    assert answer.json()["id"] and (status != 202 or answer.headers["location"].endswith(answer.json()["id"]))


def test_the_documented_statuses_are_these():
    table = (ROOT / "docs/contracts.md").read_text().split("### Idempotency-Key")[0]
    documented = {int(number) for line in table.splitlines() if line.startswith("|") for number in re.findall(r"\b[2-5]\d\d\b", line)}
    # An error object of a service names its own status, any from 400 to 599.
    reached = {row[0] for row in PROBLEMS} | {row[0] for row in SUCCESSES}
    # 408 is for test_slow_clients, 431 for test_http_headers.
    assert documented - {599, 408, 431} == reached - {402}
