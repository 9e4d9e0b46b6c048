"""Who sends a REST request when tokens are checked."""

import json
import time

import pytest
from harness.extra import SECRET, Client, edge_ws, token
from harness.http import assert_problem, request
from harness.rest import edge_http
from harness.stack import SERVICE, intent

PATH = SERVICE + "/payment-intents"
TOPIC = "vy-finance-payments.payment-intents.create"
AUTH = {"AUTH_JWT_SECRET": SECRET, "AUTH_JWT_LEEWAY": 0, "AUTH_JWT_ISSUER": "id", "AUTH_JWT_AUDIENCE": "vy"}


@pytest.fixture(scope="module")
def edge(whole_stack):
    whole_stack.repair()
    with edge_http(whole_stack, "http-auth", **AUTH) as process:
        yield process


def good(**claims) -> str:
    return token({"iss": "id", "aud": ["x", "vy"]}, **claims)


def post(port: int, body: dict | bytes, authorization: str | None = None, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    if authorization is not None:
        headers["Authorization"] = authorization
    return request(port, "POST", PATH, data, headers)


def headers_sent(stack, port: int, authorization: str) -> dict:
    """What the service gets of a request that also claims to be somebody by a header."""
    answer = post(port, intent(), authorization, **{"X-User-Id": "456"})
    assert answer.status == 201
    name = answer.headers["x-request-id"]
    return next(r["headers"] for r in stack.kafka.records(TOPIC, last=1) if r["headers"].get("x-request-id") == name)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_tokens_user_is_told_to_the_service(stack, edge, scheme):
    assert headers_sent(stack, edge.port, f"{scheme} {good()}")["x-user-id"] == "123"


def test_without_tokens_nobody_is_named(stack):
    assert "x-user-id" not in headers_sent(stack, stack.ports["edge-http"], f"Bearer {good()}")


@pytest.mark.parametrize("code, given", [
    ("token-missing", lambda: None),
    ("token-missing", lambda: ""),
    ("token-missing", lambda: "Bearer"),
    ("token-missing", lambda: "Bearer  "),
    ("token-missing", lambda: "Basic YTpi"),
    ("token-malformed", lambda: "Bearer nonsense"),
    ("token-malformed", lambda: "Bearer " + "x" * 9000),
    ("token-malformed", lambda: f"Bearer {good()}, Bearer {good()}"),
    ("token-algorithm", lambda: "Bearer " + token({"iss": "id", "aud": "vy"}, alg="none")),
    ("token-signature", lambda: "Bearer " + token({"iss": "id", "aud": "vy"}, secret=SECRET[::-1])),
    ("token-expired", lambda: "Bearer " + good(exp=time.time() - 1)),
    ("token-without-expiry", lambda: "Bearer " + good(exp=None)),
    ("token-not-yet-valid", lambda: "Bearer " + good(nbf=time.time() + 60)),
    ("token-issuer", lambda: "Bearer " + good(iss="other")),
    ("token-audience", lambda: "Bearer " + good(aud="other")),
    ("token-without-user", lambda: "Bearer " + good(sub=None)),
])
def test_a_wrong_token_is_refused_and_not_told(edge, code, given):
    value = given()
    answer = post(edge.port, intent(), value)
    problem = assert_problem(answer, 401, "not_sent", instance=PATH)
    assert problem["type"] == f"urn:vy-gateway:problem:{code}"
    challenge = answer.headers["www-authenticate"]
    if code == "token-missing":
        assert challenge == "Bearer"
    else:
        assert challenge == f'Bearer error="invalid_token", error_description="{problem["detail"]}"'
        secret = value.removeprefix("Bearer ")
        assert secret not in answer.body.decode() and secret not in edge.log_text()


def test_the_token_is_looked_at_before_the_body(edge):
    assert_problem(post(edge.port, b"{", None), 401, "not_sent")
    assert_problem(request(edge.port, "POST", PATH, b"x" * 2_000_000, {}), 401, "not_sent")


@pytest.mark.parametrize("user", ["456", 456, ["123"], {"id": "123"}, True, "", "123 "])
def test_a_body_that_names_somebody_else_is_refused(edge, user):
    answer = post(edge.port, {**intent(), "userId": user}, f"Bearer {good()}")
    problem = assert_problem(answer, 403, "not_sent", instance=PATH)
    assert problem["type"] == "urn:vy-gateway:problem:user-mismatch"
    assert [fault["pointer"] for fault in problem["errors"]] == ["/userId"]


@pytest.mark.parametrize("body", [
    b'{"amount":1,"currency":"usd","userId":"456","userId":"123"}',
    b'{"amount":1,"currency":"usd","userId":"123","userId":"456"}',
    b'{"amount":1,"currency":"usd","userId":"123","user\\u0049d":"456"}',
])
def test_a_second_name_in_the_body_does_not_slip_through(edge, body):
    assert_problem(post(edge.port, body, f"Bearer {good()}"), 403, "not_sent")


@pytest.mark.parametrize("user", ["123", 123])
def test_a_body_may_name_the_tokens_user(edge, user):
    assert post(edge.port, {**intent(), "userId": user}, f"Bearer {good()}").status == 201


def test_preflights_need_no_token(stack, edge):
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = request(edge.port, "OPTIONS", PATH, None, headers)
    assert answer.status == 204 and answer.headers["access-control-allow-headers"] == "authorization"
    refused = post(edge.port, intent(), None, Origin="https://shop.example")
    assert refused.status == 401 and "www-authenticate" in refused.headers["access-control-expose-headers"]


def test_a_socket_speaks_for_nobody_else_either(stack):
    with edge_ws(stack, "ws-speaks", **AUTH) as process, Client(process.port, auth={"token": good()}) as client:
        answer = client.call("payment-intents.create", intent("456"))
        assert answer["status"] == 403 and answer["body"]["type"] == "urn:vy-gateway:problem:user-mismatch"
        assert client.call("payment-intents.create", intent("123"))["status"] == 201


@pytest.mark.parametrize("env, expected", [
    ({"NODE_ENV": "production"}, True), ({"NODE_ENV": "production", "AUTH_JWT_SECRET": SECRET}, False), ({"NODE_ENV": "development"}, False),
])
def test_production_without_authentication_says_so_loudly(stack, env, expected):
    with edge_http(stack, "http-open", **env) as process:
        assert ("NO AUTHENTICATION" in process.log_text()) == expected
