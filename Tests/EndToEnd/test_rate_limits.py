"""Rates of callers and of addresses, kept in Redis for all replicas."""

import json
import subprocess
import time
import uuid

import pytest
from harness.clock import running
from harness.extra import SECRET, token
from harness.http import assert_problem, request
from harness.rest import edge_http
from harness.stack import ORIGIN, SERVICE, binary, intent

PATH = SERVICE + "/payment-intents"


def post(port: int, user: str | None = None, body: dict | bytes | None = None, **headers):
    """Of a user with a token, or of nobody."""
    data = body if isinstance(body, bytes) else json.dumps(body or intent(user or "123")).encode()
    headers = {"Content-Type": "application/json", **headers}
    if user is not None:
        headers["Authorization"] = "Bearer " + token(sub=user)
    return request(port, "POST", PATH, data, headers)


def somebody() -> str:
    return f"rate-{uuid.uuid4()}"


def assert_limited(answer, policy: str) -> int:
    """A 429 with all that belongs to it; the seconds to wait."""
    problem = assert_problem(answer, 429, "not_sent", instance=PATH)
    assert problem["type"] == "urn:vy-gateway:problem:rate-limit"
    assert answer.headers["ratelimit-policy"] == policy and ";r=0;" in answer.headers["ratelimit"]
    assert problem["retryAfter"] == int(answer.headers["retry-after"]) >= 1
    return problem["retryAfter"]


def test_replicas_share_the_rate_of_a_caller(stack):
    settings = {"AUTH_JWT_SECRET": SECRET, "RATE_LIMIT_CALLER": 6}
    with edge_http(stack, "http-rate-1", **settings) as one, edge_http(stack, "http-rate-2", **settings) as two:
        user = somebody()
        for number, edge in enumerate([one, two] * 3):
            answer = post(edge.port, user)
            assert answer.status == 201
            assert answer.headers["ratelimit-policy"] == '"caller";q=6;w=60'
            assert answer.headers["ratelimit"].startswith(f'"caller";r={5 - number};t=')
        for edge in (one, two):
            assert assert_limited(post(edge.port, user), '"caller";q=6;w=60') <= 10
        assert post(one.port, somebody()).status == 201, "another caller has a rate of its own"
        assert request(one.port, "OPTIONS", PATH, None, {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}).status == 204
        one.terminate()
        one.wait(10)
        summary = one.summary()
        assert (summary["withinRate"], summary["rateLimited"], summary["rateUnenforced"]) == ("4", "1", "0")


def test_after_the_wait_the_next_request_passes(stack):
    with edge_http(stack, "http-rate", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_CALLER=30) as edge:
        user = somebody()
        statuses = [post(edge.port, user).status for _ in range(30)]
        assert statuses == [201] * 30
        wait = assert_limited(post(edge.port, user), '"caller";q=30;w=60')
        assert wait <= 2
        time.sleep(wait)
        assert post(edge.port, user).status == 201


@pytest.mark.parametrize("body, status", [(b"{", 400), ({"amount": 1, "userId": "other"}, 403), ({"card": 4242424242424242}, 422)])
def test_errors_have_the_headers_and_count(stack, body, status):
    with edge_http(stack, "http-rate", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_CALLER=2) as edge:
        user = somebody()
        for left in (1, 0):
            answer = post(edge.port, user, body)
            assert answer.status == status and f'"caller";r={left};t=' in answer.headers["ratelimit"]
        assert_limited(post(edge.port, user, body), '"caller";q=2;w=60')


def test_addresses_are_those_that_a_trusted_proxy_names(stack):
    settings = {"RATE_LIMIT_ADDRESS": 2, "HTTP_TRUSTED_PROXIES": '["127.0.0.1","10.0.0.0/8"]', "AUTH_JWT_SECRET": SECRET}
    with edge_http(stack, "http-rate", **settings) as edge:
        block = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"
        for last in ("1", "2"):
            answer = post(edge.port, somebody(), **{"X-Forwarded-For": f"1.2.3.4, {block}::{last}, 10.0.0.9"})
            assert answer.status == 201 and answer.headers["ratelimit-policy"] == '"caller";q=1200;w=60, "address";q=2;w=60'
        assert post(edge.port, somebody(), **{"X-Forwarded-For": f"{block}::3"}).status == 429
        assert post(edge.port, somebody(), **{"X-Forwarded-For": f"{block}::3, 192.0.2.7"}).status == 201


def test_who_guesses_tokens_is_held_back(stack):
    with edge_http(stack, "http-rate", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_ADDRESS=2, HTTP_TRUSTED_PROXIES='["127.0.0.1"]') as edge:
        headers = {"X-Forwarded-For": f"2001:db8:{uuid.uuid4().hex[:4]}:7::1", "Authorization": "Bearer guess"}
        assert [post(edge.port, **headers).status for _ in range(3)] == [401, 401, 429]


def test_a_stranger_names_no_address(stack):
    stack.redis_cli("DEL", "vy:rate:address:0:ffff7f000001")
    with edge_http(stack, "http-rate", RATE_LIMIT_ADDRESS=2) as edge:
        answers = [post(edge.port, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(3)]
        assert [answer.status for answer in answers] == [201, 201, 429]
        assert_limited(answers[2], '"address";q=2;w=60')
    stack.redis_cli("DEL", "vy:rate:address:0:ffff7f000001")


@pytest.mark.disturbs
def test_without_redis_requests_pass(stack):
    with edge_http(stack, "http-rate", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_CALLER=1) as edge:
        user = somebody()
        assert post(edge.port, user).status == 201
        stack.kill(stack.redis)
        start = time.monotonic()
        answers = [post(edge.port, user) for _ in range(3)]
        assert running(start) < 3
        assert all(answer.status == 201 and "ratelimit" not in answer.headers for answer in answers)
        assert stack.readiness(edge) == (True, [])
        [warning] = [entry for entry in edge.log_entries() if entry["message"] == "rate limits are not enforced"]
        assert warning["level"] == "warning"
        edge.terminate()
        edge.wait(10)
        assert edge.summary()["rateUnenforced"] == "3"
    stack.repair()


def test_there_is_no_limit_without_tokens_unless_one_is_set(stack):
    assert "ratelimit" not in post(stack.ports["edge-http"]).headers


@pytest.mark.parametrize("env, mistake", [
    ({"RATE_LIMIT_CALLER": "-1"}, "RATE_LIMIT_CALLER"),
    ({"RATE_LIMIT_ADDRESS": "many"}, "RATE_LIMIT_ADDRESS"),
    ({"HTTP_TRUSTED_PROXIES": '["nobody"]'}, "is no address"),
])
def test_wrong_settings_are_told_at_the_start(env, mistake, tmp_path):
    run = subprocess.run([binary("edge-http"), "--check-config"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=10)
    assert run.returncode == 64 and mistake in run.stderr


def test_looking_for_a_late_answer_counts_as_well(stack):
    with edge_http(stack, "http-rate", AUTH_JWT_SECRET=SECRET, RATE_LIMIT_CALLER=2) as edge:
        headers = {"Authorization": "Bearer " + token(sub=somebody())}
        path = f"/operations/{uuid.uuid4()}"
        for left in (1, 0):
            answer = request(edge.port, "GET", path, None, headers)
            assert_problem(answer, 404, "not_sent", instance=path)
            assert answer.headers["ratelimit"].startswith(f'"caller";r={left};t=')
        assert_problem(request(edge.port, "GET", path, None, headers), 429, "not_sent", instance=path)
