"""What a client is told when a part is away or silent."""

import time

import pytest
from harness.clock import running
from harness.http import assert_problem
from harness.processes import wait_until
from harness.stack import SERVICE, intent


def assert_not_sent(answer) -> dict:
    problem = assert_problem(answer, 503, "not_sent")
    assert int(answer.headers["retry-after"]) >= 1
    return problem


@pytest.mark.disturbs
def test_bridge_down_is_503_not_sent(stack):
    stack.bridge.kill()
    for _ in range(3):
        start = time.monotonic()
        assert_not_sent(stack.create())
        assert running(start) < 1, "at once, not at a deadline"
    ready, missing = stack.readiness(stack.http)
    assert not ready and any("bridge" in line for line in missing)
    stack.bridge.start()
    stack.wait_started(stack.bridge)
    wait_until(lambda: stack.create().status == 201, 5, "service again")


def test_service_silent_is_504_unknown_at_the_deadline(stack):
    start = time.monotonic()
    answer = stack.post("/e2e/silent", intent(demo={"reply": "silent"}))
    end = time.monotonic()
    assert_problem(answer, 504, "unknown", instance="/e2e/silent")
    assert 0.75 <= end - start and running(start, end) <= 1.3, end - start
    assert stack.create().status == 201, "a silent request blocks no other"


def test_a_slow_service_is_waited_for(stack):
    start = time.monotonic()
    assert stack.create(demo={"delayMs": 700}).status == 201
    assert time.monotonic() - start >= 0.7


def test_a_late_reply_is_nobody_elses(stack):
    late = stack.post("/e2e/silent", intent("late", demo={"delayMs": 1500}))
    assert_problem(late, 504, "unknown")
    for _ in range(10):
        answer = stack.create("punctual")
        assert answer.status == 201 and answer.json()["userId"] == "punctual"
        time.sleep(0.1)


@pytest.mark.disturbs
def test_redis_down_rest_works(stack):
    stack.redis.kill()
    for _ in range(5):
        assert stack.create().status == 201


def test_a_missing_topic_is_503_with_its_name(stack):
    start = time.monotonic()
    problem = assert_not_sent(stack.post("/e2e/missing"))
    assert "e2e.missing" in problem["detail"]
    assert running(start) < 4
    assert "e2e.missing" not in stack.kafka.topics(), "asking for a topic must not make it"
    assert_not_sent(stack.post("/e2e/missing"))
    time.sleep(2.1)
    assert_not_sent(stack.post("/e2e/missing"))
    told = [entry for entry in stack.bridge.log_entries() if entry["message"] == "a topic does not exist" and entry["topic"] == "e2e.missing"]
    assert len(told) == 1, "once, not for each request"
    assert stack.create().status == 201


def test_a_topic_that_appears_is_used(stack):
    assert_not_sent(stack.post("/e2e/appears"))
    stack.kafka.produce("e2e.appears", b"{}")
    wait_until(lambda: stack.post("/e2e/appears").status == 504, 15, "the new topic is used", 0.3)


@pytest.mark.disturbs
def test_broker_down_is_503_or_504_and_never_a_lie(stack):
    stack.kill(stack.broker)
    answers = [stack.create(timeout=12) for _ in range(3)]
    for answer in answers:
        problem = assert_problem(answer, answer.status, None)
        assert (answer.status, problem["outcome"]) in {(503, "not_sent"), (504, "unknown")}, problem
    wait_until(lambda: not stack.readiness(stack.bridge)[0], 10, "the bridge says what it misses")
    assert_not_sent(stack.create(timeout=12))
    stack.broker.start()
    stack.wait_started(stack.broker)
    wait_until(lambda: stack.create(timeout=12).status == 201, 15, "service again", 0.1)


@pytest.mark.disturbs
def test_edge_http_down_is_said_by_nginx(stack):
    stack.http.kill()
    answer = stack.create(headers={"X-Request-Id": "gone-1"})
    problem = assert_not_sent(answer)
    assert problem["requestId"] == "gone-1"
    assert problem["instance"] == SERVICE + "/payment-intents"


@pytest.mark.disturbs
def test_demo_service_down_is_504_unknown(stack):
    stack.demo.kill()
    assert_problem(stack.post("/e2e/silent", intent()), 504, "unknown")
