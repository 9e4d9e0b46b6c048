"""Idempotency-Key: one message for one key, whatever happens in between, and the same answer for all."""

import concurrent.futures
import os
import signal
import time

import pytest
from harness.clock import running
from harness.http import assert_problem, request
from harness.network import network
from harness.operations import key, late_answer, new_user, sent
from harness.processes import wait_until
from harness.rest import edge_http
from harness.stack import intent


def test_one_message_for_200_requests_through_two_replicas(stack):
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 400})
    with stack.http_replica() as other:
        ports = [stack.ports["edge-http"], stack.ports[other.name]]
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(
                lambda n: stack.post("/payment-intents", body, port=ports[n % 2], headers=headers), range(200)))
    assert {answer.status for answer in answers} == {201}, {answer.status for answer in answers}
    assert len({answer.body for answer in answers}) == 1
    assert {answer.headers["content-type"] for answer in answers} == {"application/json; charset=utf-8"}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(sent(stack, user)) == 1
    assert sent(stack, user)[0]["headers"]["idempotency-key"] == headers["Idempotency-Key"]


def test_a_finished_one_is_replayed_byte_for_byte(stack):
    user, headers = new_user(), key()
    first = stack.create(user, headers=headers)
    again = stack.create(user, headers=headers)
    assert first.status == again.status == 201 and first.body == again.body
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(sent(stack, user)) == 1


def test_a_services_error_is_replayed(stack):
    user, headers = new_user(), key()
    first = stack.create(user, demo={"reply": "rpc-402"}, headers=headers)
    again = stack.create(user, demo={"reply": "rpc-402"}, headers=headers)
    assert_problem(first, 402, "answered")
    assert (again.status, again.body, again.headers["content-type"]) == (402, first.body, "application/problem+json")
    assert len(sent(stack, user)) == 1


def test_both_forms_of_the_header_name_one_key(stack):
    user, name = new_user(), key()["Idempotency-Key"]
    first = stack.create(user, headers=key(name))
    assert stack.create(user, headers=key(f'"{name}"')).body == first.body
    assert len(sent(stack, user)) == 1
    assert_problem(stack.create(user, headers=key('"half')), 400, "not_sent")
    assert_problem(stack.create(user, headers=key("x" * 256)), 400, "not_sent")


def test_another_body_is_422_and_another_route_another_key(stack):
    user, headers = new_user(), key()
    first = stack.create(user, headers=headers)
    problem = assert_problem(stack.create(user + "-other", headers=headers), 422, "not_sent")
    assert problem["type"].endswith("idempotency-key-reused")
    assert not sent(stack, user + "-other")
    elsewhere = stack.post("/payment-intents/get", {"id": first.json()["id"]}, headers=headers)
    assert elsewhere.status == 200 and elsewhere.json() == first.json()


def test_white_space_around_the_body_is_none_of_it(stack):
    user, headers = new_user(), key()
    body = b'{"amount":1999,"currency":"usd","userId":"%s"}' % user.encode()
    first = stack.post("/payment-intents", body, headers=headers)
    assert first.status == 201, first
    assert stack.post("/payment-intents", b"\n " + body + b" ", headers=headers).body == first.body
    assert stack.post("/payment-intents", body.replace(b",", b", "), headers=headers).status == 422


def test_one_in_flight_is_awaited_and_then_409(stack):
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 2500})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(stack.post, "/e2e/brief", body, headers=headers)
        time.sleep(0.3)
        start = time.monotonic()
        hasty = stack.post("/e2e/brief", body, headers={**headers, "Prefer": "wait=1"})
        assert 0.9 <= time.monotonic() - start and running(start) <= 1.5
        problem = assert_problem(hasty, 409, "unknown")
        assert int(hasty.headers["retry-after"]) == problem["retryAfter"] >= 1
        patient = stack.post("/e2e/brief", body, headers=headers)
        assert patient.status == 200 and patient.body == first.result().body
    assert len(sent(stack, user)) == 1


def test_what_was_not_sent_may_be_sent_again(stack):
    headers = key()
    problem = assert_problem(stack.post("/e2e/missing", {"a": 1}, headers=headers), 503, "not_sent")
    assert problem["type"].endswith("topic-missing")
    again = assert_problem(stack.post("/e2e/missing", {"a": 1}, headers=headers), 503, "not_sent")
    assert again["type"] == problem["type"], "the first attempt left nothing behind"


@pytest.mark.disturbs
def test_without_redis_a_key_is_refused(stack):
    user, headers = new_user(), key()
    stack.redis.kill()
    answer = stack.create(user, headers=headers)
    problem = assert_problem(answer, 503, "not_sent")
    assert problem["type"].endswith("idempotency-unavailable") and answer.headers["retry-after"]
    assert stack.create(user).status == 201, "without a key all goes on"
    assert stack.readiness(stack.http)[0]
    stack.redis.start()
    stack.wait_started(stack.redis)
    stack.wait_all_ready()
    answer = stack.create(user, headers=headers)
    assert answer.status == 201 and "idempotent-replayed" not in answer.headers
    assert len(sent(stack, user)) == 2


@pytest.mark.disturbs
@pytest.mark.long
def test_what_a_frozen_redis_finds_when_it_goes_on_is_forgotten(stack):
    user, headers = new_user(), key()
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        problem = assert_problem(stack.create(user, headers=headers, timeout=10), 503, "not_sent")
        assert problem["type"].endswith("idempotency-unavailable")
        time.sleep(12)
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    wait_until(lambda: stack.create(user, headers=headers).status == 201, 10, "what was not sent is sent")
    assert len(sent(stack, user)) == 1


@pytest.mark.disturbs
def test_a_full_redis_refuses_a_key_and_nothing_goes_on_about_it(stack):
    user, headers = new_user(), key()
    port = stack.admin["edge-http"]
    refusals = 'vy_gateway_redis_errors_total{code="error reply"}'

    def figure(name: str) -> float:
        lines = request(port, "GET", "/metrics").body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0)

    stack.redis_cli("config", "set", "maxmemory", "1")
    try:
        for _ in range(5):
            assert_problem(stack.create(user, headers=headers), 503, "not_sent")
        wait_until(lambda: figure('vy_gateway_queue_items{queue="background"}') == 0, 3, "no attempt is left")
        said = figure(refusals)
        time.sleep(1)
        assert figure(refusals) == said >= 5
    finally:
        stack.redis_cli("config", "set", "maxmemory", "0")
    wait_until(lambda: stack.create(user, headers=headers).status == 201, 5, "what was not sent is sent")
    assert len(sent(stack, user)) == 1


def test_what_reaches_redis_only_after_it_was_given_up_makes_no_record(stack):
    user, headers = new_user(), key()
    with network(stack.redis_host, stack.redis_port) as between, edge_http(
        stack, "edge-http-cut", REDIS_HOST="127.0.0.1", REDIS_PORT=between.port,
    ) as edge:
        between.hold()
        assert_problem(stack.create(user, headers=headers, port=edge.port, timeout=10), 503, "not_sent")

        def given_up() -> list[str]:
            return [name for name in stack.redis_cli("keys", "vy:operation:*").split() if stack.redis_cli("hexists", name, "forgotten") == "1"]

        operations = wait_until(given_up, 15, "it is given up")
        between.deliver()
        time.sleep(0.3)
        assert [stack.redis_cli("hkeys", name) for name in operations] == ["forgotten"]
        answer = stack.create(user, headers=headers, port=edge.port)
        assert answer.status == 201 and "idempotent-replayed" not in answer.headers, answer
    assert len(sent(stack, user)) == 1


def test_a_retry_gets_the_late_answer(stack):
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 1500})
    first = stack.post("/e2e/silent", body, headers=headers)
    problem = assert_problem(first, 504, "unknown")
    location = first.headers["location"]
    early = stack.post("/e2e/silent", body, headers={**headers, "Prefer": "respond-async"})
    assert early.status == 202 and early.headers["location"] == location
    retry = stack.post("/e2e/silent", body, headers=headers)
    assert retry.status == 200 and retry.json()["userId"] == user, retry
    assert retry.headers["idempotent-replayed"] == "true"
    assert stack.get(location).body == retry.body == stack.post("/e2e/silent", body, headers=headers).body
    assert problem["requestId"] == first.headers["x-request-id"]
    assert len(sent(stack, user)) == 1


def test_a_retry_without_an_answer_is_504_with_the_same_operation(stack):
    user, headers = new_user(), key()
    body = intent(user, {"reply": "silent"})
    first = stack.post("/e2e/silent", body, headers=headers)
    retry = stack.post("/e2e/silent", body, headers=headers)
    for answer in (first, retry):
        assert_problem(answer, 504, "unknown")
    assert first.headers["location"] == retry.headers["location"]
    assert len(sent(stack, user)) == 1


@pytest.mark.disturbs
@pytest.mark.parametrize("victims", [("http",), ("bridge",), ("http", "bridge"), ("bridge", "http")])
def test_kill_9_in_between_is_still_one_message(stack, victims):
    """The service has the message, and whoever waits for its answer dies."""
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 1500})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(stack.post, "/e2e/brief", body, headers=headers)
        time.sleep(0.6)
        assert len(sent(stack, user)) == 1
        for victim in victims:
            getattr(stack, victim).kill()
        for victim in victims:
            process = getattr(stack, victim)
            process.start()
            stack.wait_started(process)
        outcome = first.result()
        assert outcome.status in ({201, 200, 504} if "http" not in victims else {502}), outcome
    stack.wait_all_ready()
    retry = stack.post("/e2e/brief", body, headers=headers)
    assert retry.status == 200 and retry.json()["userId"] == user, retry
    assert stack.post("/e2e/brief", body, headers=headers).body == retry.body
    assert len(sent(stack, user)) == 1


@pytest.mark.disturbs
def test_an_edge_that_dies_after_the_answer_came_has_not_lost_it(stack):
    """The edge takes the reply and is killed before or after it has written it down: the bridge has kept it as well."""
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 700})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(stack.post, "/e2e/brief", body, headers=headers)
        time.sleep(0.5)
        stack.http.child.send_signal(19)  # SIGSTOP: the reply reaches its socket, and it never reads it.
        time.sleep(0.7)
        stack.http.kill()
    stack.http.start()
    stack.wait_started(stack.http)
    stack.wait_all_ready()
    retry = stack.post("/e2e/brief", body, headers=headers)
    assert retry.status == 200 and retry.json()["userId"] == user, retry
    assert len(sent(stack, user)) == 1


@pytest.mark.disturbs
def test_late_answers_outlive_edge_and_bridge(stack):
    user, headers = new_user(), key()
    body = intent(user, {"delayMs": 2500})
    location = stack.post("/e2e/silent", body, headers=headers).headers["location"]
    stack.http.kill()
    stack.bridge.kill()
    time.sleep(2.5)  # The answer comes while nobody is there.
    stack.repair()
    answer = late_answer(stack, location)
    assert answer.status == 200 and answer.json()["userId"] == user
    assert stack.post("/e2e/silent", body, headers=headers).body == answer.body
    assert len(sent(stack, user)) == 1
