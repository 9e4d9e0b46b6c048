"""The nine operations, and every form of a service's reply as an HTTP answer."""

import json

import pytest
from harness.http import assert_problem, request
from harness.stack import ORIGIN, SERVICE, intent


def test_create_through_nginx(stack):
    answer = stack.create("123", headers={"X-Request-Id": "order-77"})
    assert answer.status == 201, answer
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"] == "order-77"
    created = answer.json()
    assert created["id"].startswith("pi_")
    assert (created["object"], created["amount"], created["currency"], created["userId"]) == ("payment_intent", 1999, "usd", "123")
    assert created["status"] == "requires_confirmation"


def test_a_request_without_an_id_gets_one(stack):
    first, second = (request(stack.ports["edge-http"], "GET", "/") for _ in range(2))
    assert first.headers["x-request-id"] and first.headers["x-request-id"] != second.headers["x-request-id"]


def test_the_nine_operations(stack):
    payment = stack.create().json()
    method = stack.post("/payment-methods", {"userId": "123", "type": "card"})
    assert method.status == 201, method
    confirmed = stack.confirm(payment["id"])
    assert confirmed.status == 200, confirmed
    refund = stack.post("/refunds", {"paymentIntentId": payment["id"], "amount": 100})
    assert refund.status == 201, refund
    for path, body in [
        ("/payment-intents/get", {"id": payment["id"]}),
        ("/payment-intents/ztracking", {"id": payment["id"]}),
        ("/payment-refunds/get", {"id": refund.json()["id"]}),
        ("/payment-methods/get", {"id": method.json()["id"]}),
        ("/payment-methods/delete", {"id": method.json()["id"]}),
    ]:
        answer = stack.post(path, body)
        assert answer.status == 200, (path, answer)
        assert isinstance(answer.json(), dict), (path, answer)
    assert stack.post("/payment-intents/get", {"id": payment["id"]}).json()["id"] == payment["id"]


def test_the_message_is_what_a_nestjs_client_would_send(stack):
    body = b' \n {"amount": 7, "currency": "usd",  "userId": "wire", "value": 5, "key": "k"} '
    answer = stack.post("/payment-intents", body, headers={"X-Request-Id": "wire-1", "Idempotency-Key": '"abc"', "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert answer.status == 201, answer
    records = stack.kafka.records("vy-finance-payments.payment-intents.create")
    [record] = [r for r in records if r["headers"].get("x-request-id") == "wire-1"]
    assert record["payload"].encode() == body.strip(), "the body is spliced, never unwrapped or encoded anew"
    assert record["key"] is None
    headers = record["headers"]
    assert len(headers["kafka_correlationId"]) == 32
    assert headers["kafka_replyTopic"] == "vy-gateway.reply"
    assert headers["kafka_replyPartition"].isdigit()
    assert int(headers["x-deadline"]) > 1_600_000_000_000
    assert headers["idempotency-key"] == "abc"
    assert headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c")


@pytest.mark.parametrize(
    "reply, status, expected",
    [
        ("text", 201, str),
        ("number", 201, str),  # a reply is text on the wire: 123 and "123" are the same bytes
        ("null", 201, type(None)),
        ("stream", 201, dict),
        ("stream-split-end", 201, dict),
        ("twice", 201, dict),
    ],
)
def test_reply_forms(stack, reply, status, expected):
    answer = stack.create(demo={"reply": reply})
    assert answer.status == status, answer
    assert isinstance(answer.json(), expected), answer


def test_a_stream_answers_with_its_last_value(stack):
    whole, split = (stack.create(demo={"reply": reply}).json() for reply in ("stream", "stream-split-end"))
    differing = {"id", "created"}
    assert {k: v for k, v in whole.items() if k not in differing} == {k: v for k, v in split.items() if k not in differing}


def test_a_stream_without_its_end_answers_at_the_deadline(stack):
    answer = stack.post("/e2e/silent", intent(demo={"reply": "stream-lost-end"}))
    assert answer.status == 200, answer
    assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    "reply, status",
    [("rpc-text", 502), ("rpc-402", 402), ("rpc-statusCode-409", 409), ("internal-error", 502)],
)
def test_errors_of_the_service(stack, reply, status):
    answer = stack.create(demo={"reply": reply})
    assert_problem(answer, status, "answered", instance=SERVICE + "/payment-intents")


def test_an_error_object_keeps_its_code_and_message(stack):
    answer = stack.post("/payment-intents/get", {"id": "pi_unknown"})
    problem = assert_problem(answer, 404, "answered")
    assert problem["code"] == "resource_missing"
    assert problem["detail"]


@pytest.mark.parametrize("reply", ["garbage", "buffer"])
def test_unreadable_replies_are_answered_502_or_as_text(stack, reply):
    answer = stack.create(demo={"reply": reply})
    if answer.status == 201:
        assert isinstance(answer.json(), str), "bytes that are no JSON are text to a NestJS client"
    else:
        assert_problem(answer, 502, "answered")


def test_cors(stack):
    preflight = request(stack.port, "OPTIONS", SERVICE + "/payment-intents", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert preflight.status == 204, preflight
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    assert "Origin" in preflight.headers["vary"]
    answer = stack.create(headers={"Origin": ORIGIN})
    assert answer.status == 201
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    failure = stack.post("/payment-intents", b"[", headers={"Origin": ORIGIN})
    assert failure.status == 400
    assert failure.headers["access-control-allow-origin"] == ORIGIN, "errors too, or the page cannot read them"
    foreign = stack.create(headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_the_page_is_served_locally(stack):
    page = request(stack.port, "GET", "/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert b"/socket.io/" in page.body


def test_admin_servers(stack):
    for process in stack.own:
        port = stack.admin[process.name]
        assert request(port, "GET", "/livez").status == 200
        assert json.loads(request(port, "GET", "/version").body)["version"]
        assert stack.readiness(process) == (True, [])
