"""Late answers at /operations, and what clients prefer (RFC 7240)."""

import time
import uuid

import pytest
from harness.clock import running
from harness.extra import SECRET, token
from harness.http import assert_problem, request
from harness.operations import key, late_answer, new_user, sent
from harness.stack import intent


def asynchronous(stack, user, demo=None, **headers):
    return stack.post("/e2e/brief", intent(user, demo), headers={"Prefer": "respond-async", **headers})


def test_a_504_says_where_the_late_answer_will_be(stack):
    user = new_user()
    late = stack.post("/e2e/silent", intent(user, {"delayMs": 1300}))
    assert_problem(late, 504, "unknown", instance="/e2e/silent")
    location = late.headers["location"]
    pending = stack.get(location)
    assert pending.status == 200 and pending.headers["cache-control"] == "no-store"
    assert pending.json() == {"id": location.removeprefix("/operations/"), "status": "pending"}
    answer = late_answer(stack, location)
    assert answer.status == 200 and answer.json()["userId"] == user
    assert answer.headers["cache-control"] == "no-store"
    assert stack.get(location).body == answer.body
    assert stack.redis_cli("pttl", f"vy:operation:{location.removeprefix('/operations/')}") > "60000"


def test_a_late_error_is_its_problem_document(stack):
    late = stack.post("/e2e/silent", intent(new_user(), {"delayMs": 1300, "reply": "rpc-402"}))
    answer = late_answer(stack, late.headers["location"])
    problem = answer.json()
    assert (answer.status, problem["status"], problem["outcome"], problem["code"]) == (402, 402, "answered", "card_declined")
    assert problem["instance"] == "/e2e/silent" and problem["requestId"] == late.headers["x-request-id"]


@pytest.mark.parametrize("reply,expected", [("stream", b'{"step":2}'), ("stream-split-end", b'{"step":2}'), ("null", b"null")])
def test_the_last_value_of_a_late_stream_counts(stack, reply, expected):
    late = stack.post("/e2e/silent", intent(new_user(), {"delayMs": 1100, "reply": reply}))
    assert late_answer(stack, late.headers["location"]).body == expected


def test_operations_that_are_none(stack):
    for name in (uuid.uuid4().hex, "x", "", uuid.uuid4().hex.upper()):
        assert_problem(stack.get(f"/operations/{name}"), 404, "not_sent")
    answer = stack.post("/e2e/silent", intent(new_user(), {"reply": "silent"}))
    refused = request(stack.port, "DELETE", answer.headers["location"])
    assert_problem(refused, 405, "not_sent")
    assert refused.headers["allow"] == "GET, OPTIONS"
    # A reply that was delivered in time is nobody's operation, although the bridge keeps it for a minute.
    punctual = stack.create(new_user(), headers=key())
    assert punctual.status == 201


def test_an_operation_and_a_key_are_their_callers_alone(stack):
    mine, other = ({"Authorization": f"Bearer {token(sub=sub)}"} for sub in ("op-a", "op-b"))
    with stack.http_replica("edge-http-auth", AUTH_JWT_SECRET=SECRET) as edge:
        port, shared = stack.ports[edge.name], key()
        late = stack.post("/e2e/silent", intent("op-a", {"reply": "silent"}), port=port, headers=mine)
        location = late.headers["location"]
        assert stack.get(location, port=port, headers=mine).status == 200
        assert_problem(stack.get(location, port=port, headers=other), 404, "not_sent")
        assert_problem(stack.get(location), 404, "not_sent")
        assert_problem(stack.get(location, port=port), 401, "not_sent")
        first = stack.create("op-a", port=port, headers={**mine, **shared})
        second = stack.create("op-b", port=port, headers={**other, **shared})
        assert first.status == second.status == 201 and first.json()["userId"] != second.json()["userId"]


def test_respond_async_is_202_at_once(stack):
    user = new_user()
    start = time.monotonic()
    accepted = asynchronous(stack, user, {"delayMs": 900})
    assert running(start) < 0.5
    assert accepted.status == 202 and accepted.headers["preference-applied"] == "respond-async"
    location = accepted.headers["location"]
    assert accepted.json() == {"id": location.removeprefix("/operations/"), "status": "pending"}
    answer = late_answer(stack, location)
    assert answer.status == 200 and answer.json()["userId"] == user
    assert len(sent(stack, user)) == 1


def test_respond_async_with_a_key(stack):
    user, headers = new_user(), key()
    first = asynchronous(stack, user, {"delayMs": 600}, **headers)
    second = asynchronous(stack, user, {"delayMs": 600}, **headers)
    assert first.status == second.status == 202 and first.headers["location"] == second.headers["location"]
    answer = stack.post("/e2e/brief", intent(user, {"delayMs": 600}), headers=headers)
    assert answer.status == 200 and answer.body == late_answer(stack, first.headers["location"]).body
    replayed = asynchronous(stack, user, {"delayMs": 600}, **headers)
    assert replayed.status == 200 and replayed.body == answer.body
    assert len(sent(stack, user)) == 1


def test_what_is_accepted_and_not_sent_is_said_at_the_operation(stack):
    headers = key()
    accepted = stack.post("/e2e/missing", {}, headers={"Prefer": "respond-async", **headers})
    assert accepted.status == 202
    answer = late_answer(stack, accepted.headers["location"])
    assert (answer.status, answer.json()["outcome"]) == (503, "not_sent")
    assert answer.json()["type"].endswith("topic-missing") and answer.headers["retry-after"]
    assert_problem(stack.post("/e2e/missing", {}, headers=headers), 503, "not_sent")


def test_wait_shortens_the_deadline(stack):
    user = new_user()
    start = time.monotonic()
    answer = stack.post("/e2e/brief", intent(user, {"delayMs": 2000}), headers={"Prefer": "wait=1"})
    assert 0.9 <= time.monotonic() - start and running(start) <= 1.5
    assert_problem(answer, 504, "unknown")
    assert answer.headers["preference-applied"] == "wait=1"
    assert late_answer(stack, answer.headers["location"]).json()["userId"] == user


def test_wait_never_prolongs_it(stack):
    start = time.monotonic()
    answer = stack.post("/e2e/silent", intent(new_user(), {"reply": "silent"}), headers={"Prefer": "wait=5"})
    assert running(start) < 1.5
    assert_problem(answer, 504, "unknown")
    assert "preference-applied" not in answer.headers


def test_respond_async_after_a_wait(stack):
    headers = {"Prefer": "respond-async, wait=1"}
    quick = stack.post("/e2e/brief", intent(new_user()), headers=headers)
    assert quick.status == 200 and quick.headers["preference-applied"] == "wait=1"
    slow = stack.post("/e2e/brief", intent(new_user(), {"delayMs": 1500}), headers=headers)
    assert slow.status == 202 and slow.headers["preference-applied"] == "respond-async, wait=1"
    assert late_answer(stack, slow.headers["location"]).status == 200


@pytest.mark.disturbs
def test_without_redis_the_preference_is_ignored_and_nothing_is_promised(stack):
    stack.redis.kill()
    assert asynchronous(stack, new_user()).status == 200
    answer = stack.post("/e2e/silent", intent(new_user(), {"reply": "silent"}))
    assert_problem(answer, 504, "unknown")
    assert "location" not in answer.headers
    assert_problem(stack.get(f"/operations/{uuid.uuid4().hex}"), 503, "not_sent")


@pytest.mark.disturbs
def test_a_late_answer_waits_in_the_bridge_for_redis(stack):
    """The reply comes while Redis is away; the operation is lost with its data, and the reply is not."""
    late = stack.post("/e2e/silent", intent(new_user(), {"delayMs": 1500}))
    name = late.headers["location"].removeprefix("/operations/")
    stack.redis.kill()
    time.sleep(1.2)
    stack.redis.start()
    stack.wait_started(stack.redis)
    stack.wait_all_ready()
    deadline = time.monotonic() + 5
    while stack.redis_cli("hget", f"vy:operation:{name}", "kind") != "value":
        assert time.monotonic() < deadline, "the bridge writes what it has kept"
        time.sleep(0.1)
