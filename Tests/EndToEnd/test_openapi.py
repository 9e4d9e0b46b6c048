"""Bodies are checked by the service's OpenAPI document, which is read again at SIGHUP."""

import json
import signal

import pytest
from harness.extra import Client
from harness.http import assert_problem, request
from harness.processes import wait_until
from harness.stack import TEST_SERVICE

GOOD = {"amount": 1999, "currency": "usd", "userId": "123"}
CREATE = "/payment-intents"
WRONG = [
    (CREATE, {}, {"/amount": "is required", "/currency": "is required"}),
    (CREATE, {**GOOD, "amount": "10"}, {"/amount": "must be an integer"}),
    (CREATE, {**GOOD, "amount": 10.5}, {"/amount": "must be an integer"}),
    (CREATE, {**GOOD, "amount": 0}, {"/amount": "must be 1 or more"}),
    (CREATE, {**GOOD, "amount": -1, "userId": ""}, {"/amount": "must be 1 or more", "/userId": "matches none of the 2 forms that are allowed"}),
    (CREATE, {**GOOD, "currency": "xxx"}, {"/currency": "matches none of the 2 forms that are allowed"}),
    (CREATE, {**GOOD, "currency": "Usd"}, {"/currency": "matches none of the 2 forms that are allowed"}),
    (CREATE, {**GOOD, "receipt_email": "nobody", "customer": {"email": "a@b@c"}}, {"/receipt_email": "must be a valid email", "/customer/email": "must be a valid email"}),
    (CREATE, {**GOOD, "metadata": [1]}, {"/metadata": "must be an object"}),
    ("/payment-intents/get", {"id": ""}, {"/id": "must not be empty"}),
    ("/payment-intents/confirm", {"id": "x" * 256}, {"/id": "must have at most 255 characters"}),
    ("/payment-intents/ztracking", {"id": 7}, {"/id": "must be a string"}),
    ("/refunds", {"paymentIntentId": "pi", "reason": "mood"}, {"/reason": 'must be one of the 3 allowed values: "duplicate", "fraudulent", "requested_by_customer"'}),
    ("/payment-methods", {"type": None}, {"/type": "must be a string"}),
]


@pytest.mark.parametrize("path, body, faults", WRONG)
def test_every_fault_is_told_with_its_pointer(stack, path, body, faults):
    answer = stack.post(path, body)
    problem = assert_problem(answer, 422, "not_sent")
    assert problem["type"] == "urn:vy-gateway:problem:invalid-body"
    told = {fault["pointer"]: fault["detail"] for fault in reversed(problem["errors"])}
    assert told.items() >= faults.items(), problem["errors"]


def test_nothing_of_a_wrong_body_reaches_kafka(stack):
    stack.post(CREATE, {**GOOD, "amount": 1.25, "userId": "never-sent"})
    stack.post(CREATE, {**GOOD, "userId": "sent-after"})
    sent = [record["payload"] for record in stack.kafka.records("vy-finance-payments.payment-intents.create")]
    assert any("sent-after" in payload for payload in sent) and not any("never-sent" in payload for payload in sent)


@pytest.mark.parametrize("good", [
    {"amount": 1.0, "currency": "EUR"}, {"amount": 99999999999, "currency": "jpy", "userId": 9007199254740993, "unknown": {"to": "us"}},
    {"amount": 1, "currency": "usd", "receipt_email": "a.b+c@shop.example", "customer": {"email": "\"a b\"@[127.0.0.1]"}},
])
def test_what_is_right_passes(stack, good):
    assert stack.post(CREATE, good).status == 201, good


def test_a_socket_is_told_the_same(stack):
    with Client(stack.ports["edge-ws-1"], query="?userId=123") as client:
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] != 503, 10, "the bridge")
        answer = client.call("payment-intents.create", {"amount": 0, "currency": "usd"})
    assert answer["status"] == 422
    assert answer["body"]["errors"] == [{"pointer": "/amount", "detail": "must be 1 or more"}]


def post(stack, path: str) -> int:
    return request(stack.ports["edge-http"], "POST", path, json.dumps({**GOOD, "id": "k"}).encode(), {"Content-Type": "application/json"}).status


def test_documents_are_read_again_at_sighup(stack):
    folder, log = stack.folder / "services", stack.http
    added = folder / "added.yaml"
    one = TEST_SERVICE.split("\n  /e2e/")
    text = one[0].replace("title: e2e", "title: added") + "\n  /added/" + one[1].replace("missing:", "thing:", 1).replace(
        "{topic: e2e.missing}", "{topic: vy-finance-payments.payment-intents.create, key: userId}")
    assert post(stack, "/added/thing") == 404
    try:
        added.write_text(text)
        log.child.send_signal(signal.SIGHUP)
        wait_until(lambda: post(stack, "/added/thing") == 200, 10, "the new route")
        records = stack.kafka.records("vy-finance-payments.payment-intents.create")
        assert any(record["key"] == "123" for record in records), "the key is a member of the body"
        added.write_text(text.replace("x-kafka", "x-kafak"))
        log.child.send_signal(signal.SIGHUP)
        wait_until(lambda: "x-kafka is missing" in log.log_text(), 10, "the fault in the log")
        assert post(stack, "/added/thing") == 200, "the old documents stay"
    finally:
        added.unlink()
    log.child.send_signal(signal.SIGHUP)
    wait_until(lambda: post(stack, "/added/thing") == 404, 10, "the route's end")
    assert post(stack, "/vy-finance-payments/payment-intents") == 201
