"""Answers of cacheable operations, kept in Redis: whose they are, and when they are out of date."""

import os
import signal
import threading
import time

import pytest
from harness.clock import running
from harness.extra import SECRET, Client, edge_ws, token
from harness.http import assert_problem
from harness.operations import key, new_user
from harness.processes import wait_until
from harness.rest import edge_http

GET = "vy-finance-payments.payment-intents.get"
HIT = "vy-gateway; hit; ttl="


@pytest.fixture(scope="module")
def caches(whole_stack):
    """Two replicas that cache."""
    settings = {"CACHE_TTL": 60_000}
    with edge_http(whole_stack, "http-cache-1", **settings) as one, edge_http(whole_stack, "http-cache-2", **settings) as two:
        yield one.port, two.port


def get(stack, port: int, intent_id: str, **headers):
    return stack.post("/payment-intents/get", {"id": intent_id}, port=port, headers={k.replace("_", "-"): v for k, v in headers.items()})


def status(answer) -> str:
    return answer.headers["cache-status"].removeprefix("vy-gateway; ")


def asked(stack, intent_id: str) -> int:
    """How often the service was asked for it."""
    return sum(f'"{intent_id}"' in (record["payload"] or "") for record in stack.kafka.records(GET, last=200))


def cached_intent(stack, port: int) -> str:
    """The id of a new intent whose answer is kept."""
    intent_id = stack.create(new_user(), port=port).json()["id"]
    wait_until(lambda: status(get(stack, port, intent_id)).startswith("hit"), 5, "a kept answer")
    return intent_id


def test_it_is_off_by_default(stack):
    intent_id = stack.create().json()["id"]
    for _ in range(2):
        answer = get(stack, stack.ports["edge-http"], intent_id)
        assert answer.status == 200 and "cache-status" not in answer.headers and "age" not in answer.headers
    assert asked(stack, intent_id) == 2


def test_replicas_share_an_answer(stack, caches):
    one, two = caches
    intent_id = stack.create(new_user(), port=one).json()["id"]
    first = get(stack, one, intent_id)
    assert (first.status, status(first)) == (200, "fwd=miss") and "age" not in first.headers
    time.sleep(1.1)
    for port in caches:
        again = get(stack, port, intent_id)
        assert again.status == 200 and again.body == first.body
        assert again.headers["content-type"] == first.headers["content-type"]
        assert status(again) in ("hit; ttl=58", "hit; ttl=57") and again.headers["age"] in ("1", "2")
        assert again.headers["cache-control"] == "no-store", "what is kept is for the gateway to keep"
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert asked(stack, intent_id) == 1
    assert status(stack.post("/payment-intents/get", {"id": intent_id, "metadata": {}}, port=two)) == "fwd=miss", "another body"


def test_an_answer_is_its_callers_alone(stack):
    with edge_http(stack, "http-cache-auth", CACHE_TTL=60_000, AUTH_JWT_SECRET=SECRET) as edge:
        mine, other = ({"Authorization": f"Bearer {token(sub=sub)}"} for sub in (new_user(), new_user()))
        created = stack.post("/payment-methods", {"type": "card", "token": "tok_visa"}, port=edge.port, headers=mine)
        body = {"id": created.json()["id"]}
        seen = [status(stack.post("/payment-methods/get", body, port=edge.port, headers=who)) for who in (mine, mine, other, other)]
        assert [text.split(";")[0] for text in seen] == ["fwd=miss", "hit", "fwd=miss", "hit"]
        assert_problem(stack.post("/payment-methods/get", body, port=edge.port), 401, "not_sent")


def test_after_an_own_write_nobody_gets_what_was_before(stack, caches):
    one, two = caches
    for _ in range(10):
        method = {"id": stack.post("/payment-methods", {"type": "card", "token": "tok_visa"}, port=one).json()["id"]}
        for _ in range(2):
            assert stack.post("/payment-methods/get", method, port=two).status == 200
        assert stack.post("/payment-methods/delete", method, port=one).status == 200
        gone = stack.post("/payment-methods/get", method, port=two)
        assert_problem(gone, 404, "answered")


def test_after_a_write_over_a_socket_neither(stack, caches):
    with edge_ws(stack, "ws-cache", CACHE_TTL=60_000) as edge, Client(edge.port, query="?userId=123") as client:
        wait_until(lambda: client.call("payment-methods.get", {"id": "none"})["status"] != 503, 10, "the bridge")
        made = client.call("payment-methods.create", {"type": "card", "token": "tok_visa"})
        method = {"id": made["body"]["id"]}
        for _ in range(2):
            answer = stack.post("/payment-methods/get", method, port=caches[0])
        assert status(answer).startswith("hit")
        assert client.call("payment-methods.delete", method)["status"] == 200
        assert_problem(stack.post("/payment-methods/get", method, port=caches[0]), 404, "answered")


def test_a_status_update_puts_an_answer_out_of_date(stack, caches, listen):
    user = new_user()
    listener = listen(1, user=user)
    intent_id = stack.create(user, port=caches[0]).json()["id"]
    for _ in range(2):
        assert get(stack, caches[0], intent_id).json()["status"] == "requires_confirmation"
    # Through an edge that does not cache, so that only the updates tell.
    assert stack.confirm(intent_id, port=stack.ports["edge-http"]).status == 200
    listener.wait_status(intent_id, "succeeded")
    # What is asked for within the millisecond of a change is not kept.
    time.sleep(0.005)
    answer = get(stack, caches[0], intent_id)
    assert (answer.json()["status"], status(answer)) == ("succeeded", "fwd=stale")
    assert status(get(stack, caches[1], intent_id)).startswith("hit")


def test_an_update_of_another_payment_of_the_user_changes_nothing(stack, caches, listen):
    user = new_user()
    listener = listen(1, user=user)
    kept, other = (stack.create(user, port=caches[0]).json()["id"] for _ in range(2))
    wait_until(lambda: status(get(stack, caches[0], kept)).startswith("hit"), 5, "a kept answer")
    assert stack.confirm(other, port=caches[0]).status == 200
    listener.wait_status(other, "succeeded")
    assert status(get(stack, caches[0], kept)).startswith("hit")


def test_a_refund_puts_its_payment_out_of_date(stack, caches):
    intent_id = cached_intent(stack, caches[0])
    refund = stack.post("/refunds", {"paymentIntentId": intent_id, "amount": 5}, port=caches[1])
    assert refund.status == 201
    assert get(stack, caches[0], intent_id).json()["status"] == "refunded"


def test_an_answer_that_was_under_way_during_a_change_is_not_kept(stack, caches):
    intent_id = stack.create(new_user(), port=caches[0]).json()["id"]
    slow = {"id": intent_id, "metadata": {"demo": {"delayMs": 1200}}}
    answers = []
    reader = threading.Thread(target=lambda: answers.append(stack.post("/payment-intents/get", slow, port=caches[0])))
    reader.start()
    time.sleep(0.4)
    assert stack.confirm(intent_id, port=caches[1]).status == 200
    reader.join()
    assert (answers[0].status, status(answers[0])) == (200, "fwd=miss")
    time.sleep(0.3)
    assert status(stack.post("/payment-intents/get", slow, port=caches[0])) == "fwd=miss"


def test_what_the_client_asks_of_the_cache_is_done(stack, caches):
    intent_id = cached_intent(stack, caches[0])
    time.sleep(0.01)
    assert status(get(stack, caches[0], intent_id, Cache_Control="no-cache")) == "fwd=request"
    time.sleep(0.01)
    assert status(get(stack, caches[0], intent_id, Cache_Control="max-age=0")) == "fwd=request"
    assert status(get(stack, caches[0], intent_id, Cache_Control="no-store")) == "fwd=bypass"
    assert status(get(stack, caches[0], intent_id, Cache_Control="max-age=30")).startswith("hit")
    before = asked(stack, intent_id)
    other = {"id": intent_id, "metadata": {"not": "kept"}}
    for _ in range(2):
        assert status(stack.post("/payment-intents/get", other, port=caches[0], headers={"Cache-Control": "no-store"})) == "fwd=bypass"
    assert asked(stack, intent_id) == before + 2


def test_a_request_with_a_key_has_its_own_record(stack, caches):
    intent_id = cached_intent(stack, caches[0])
    mine = key()
    first, second = (get(stack, caches[0], intent_id, **mine) for _ in range(2))
    assert "cache-status" not in first.headers and "cache-status" not in second.headers
    assert second.headers["idempotent-replayed"] == "true"


def test_errors_are_not_kept(stack, caches):
    nothing = new_user()
    for _ in range(3):
        assert_problem(get(stack, caches[0], nothing), 404, "answered")
    assert asked(stack, nothing) == 3


def test_an_answer_expires(stack):
    with edge_http(stack, "http-cache-brief", CACHE_TTL=700) as edge:
        intent_id = cached_intent(stack, edge.port)
        wait_until(lambda: status(get(stack, edge.port, intent_id)) == "fwd=miss", 3, "it has expired", 0.1)
    keys = stack.redis_cli("keys", "vy:cache:*").split()
    # -2: a key that has expired since.
    lives = [int(stack.redis_cli("pttl", name)) for name in keys]
    assert lives and all(life == -2 or 0 < life <= 70_000 for life in lives), lives


@pytest.mark.disturbs
def test_without_redis_the_service_is_asked(stack, caches):
    intent_id = cached_intent(stack, caches[0])
    stack.redis.kill()
    for _ in range(3):
        start = time.monotonic()
        answer = get(stack, caches[0], intent_id)
        assert (answer.status, status(answer)) == (200, "fwd=bypass")
        assert running(start) < 1
    assert stack.create(new_user(), port=caches[0]).status == 201, "changes pass as well"


@pytest.mark.disturbs
def test_when_redis_hangs_nobody_waits_for_it_long(stack, caches):
    intent_id = cached_intent(stack, caches[0])
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            start = time.monotonic()
            answer = get(stack, caches[0], intent_id)
            assert (answer.status, status(answer)) == (200, "fwd=bypass")
            assert running(start) < 1
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    wait_until(lambda: status(get(stack, caches[0], intent_id)).startswith("hit"), 10, "the cache is back")
