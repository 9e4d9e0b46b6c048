"""Card numbers and security codes: refused, except where they are wanted, and written down nowhere."""

import json
import time

import pytest
from harness.extra import Client, edge_ws
from harness.http import assert_problem
from harness.processes import wait_until
from harness.rest import edge_http
from harness.stack import intent

PAN = "4242424242424242"
# Not `4242…`, which would be found in any number that is long enough.
SECRET = "5105105105105100"
DIGITS = [SECRET, "5105 1051 0510 5100", "5105-1051-0510-5100"]
CREATE = "vy-finance-payments.payment-intents.create"
STATUS = "payment-status-update"
DEAD = "vy-gateway.dead-letter"


@pytest.mark.parametrize("given, pointer", [
    ({"note": PAN}, "/metadata/note"),
    ({"note": "my card 4242 4242 4242 4242, thanks"}, "/metadata/note"),
    ({"note": "4242-4242-4242-4242"}, "/metadata/note"),
    ({"note": int(PAN)}, "/metadata/note"),
    ({"note": float(PAN)}, "/metadata/note"),
    ({"a": [{"b": [None, PAN]}]}, "/metadata/a/0/b/1"),
    ({PAN: 1}, "/metadata"),
    ({"amex": "378282246310005"}, "/metadata/amex"),
    ({"card": {"cvc": "123"}}, "/metadata/card/cvc"),
    ({"card": {"CVV": 1234}}, "/metadata/card/CVV"),
    ({"card": {"security_code": "123"}}, "/metadata/card/security_code"),
])
def test_card_data_is_refused_with_its_place(stack, given, pointer):
    answer = stack.post("/payment-intents", {**intent(), "metadata": given}, port=stack.ports["edge-http"])
    problem = assert_problem(answer, 422, "not_sent")
    assert problem["type"] == "urn:vy-gateway:problem:card-data"
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert "4242" not in answer.body.decode() and "378282246310005" not in answer.body.decode()


@pytest.mark.parametrize("given", [
    {"id": "pi_4242424242424242x"}, {"id": "pi_4242424242424242"}, {"at": 1732544791009}, {"at": 1700000000006},
    {"id": "41111111-1111-1111-1111-111111111111"}, {"tel": "+4222222222222"}, {"iban": "DE12 5424 0000 0000 0015 00"},
    {"cvc": None}, {"cvc_check": "pass"}, {"cvc": "unchecked"},
])
def test_what_only_looks_like_it_is_taken(stack, given):
    assert stack.post("/payment-intents", {**intent(), "metadata": given}).status == 201


def test_it_is_refused_before_its_schema_is_looked_at(stack):
    answer = stack.post("/payment-intents", {"amount": PAN, PAN: "x"})
    assert assert_problem(answer, 422, "not_sent")["type"] == "urn:vy-gateway:problem:card-data"
    assert PAN not in answer.body.decode()


def test_an_operation_may_take_it(stack):
    body = {**intent(), "metadata": {"card": {"number": PAN, "cvc": "123"}}}
    answer = stack.post("/e2e/cards", body, port=stack.ports["edge-http"])
    assert answer.status == 200
    name = answer.headers["x-request-id"]
    record = next(r for r in stack.kafka.records(CREATE, last=1) if r["headers"].get("x-request-id") == name)
    assert json.loads(record["payload"]) == body


@pytest.mark.disturbs
def test_it_is_in_no_log_and_no_dead_letter(stack):
    """Everything logs what it can, while card data comes in by every way that there is."""
    before = stack.bridge.env["LOG_STREAM_LEVEL"]
    stack.bridge.env["LOG_STREAM_LEVEL"] = "debug"
    try:
        stack.bridge.terminate()
        stack.bridge.wait(10)
        stack.repair()
        with edge_http(stack, "http-cards", LOG_STREAM_LEVEL="debug") as http, edge_ws(stack, "ws-cards", LOG_STREAM_LEVEL="debug") as ws:
            for text in DIGITS:
                body = {**intent(), "metadata": {"number": text, "cvc": "123", text: text}}
                assert stack.post("/payment-intents", body, port=http.port).status == 422
                assert stack.post("/e2e/cards", body, port=http.port).status == 200
                broken = json.dumps(body).encode()[:-1]
                assert stack.post("/payment-intents", broken, port=http.port).status == 400
                with Client(ws.port, query="?userId=cards") as client:
                    answer = client.call("payment-intents.create", body)
                    assert answer["status"] == 422 and SECRET not in json.dumps(answer)
                    assert [fault["pointer"] for fault in answer["body"]["errors"]] == ["/metadata/number", "/metadata/cvc", "/metadata", "/metadata"]
                    client.call("cards", body)
            answer = stack.post("/e2e/" + SECRET, {}, port=http.port, headers={"X-Request-Id": SECRET})
            assert answer.status == 404 and SECRET not in answer.body.decode() + str(answer.headers)
            earlier = len(stack.kafka.records(DEAD))
            for text in DIGITS:
                for value in (json.dumps({"number": text}), f'{{"x":{SECRET},"cvc":"987"', f"card {text}", json.dumps([int(SECRET)])):
                    stack.kafka.produce(STATUS, value.encode(), headers={"note": text})
            wait_until(lambda: len(stack.kafka.records(DEAD)) >= earlier + 4 * len(DIGITS), 20, "the dead letters")
            time.sleep(0.2)
            logs = {process.name: process.log_text() for process in (http, ws, stack.bridge)}
            assert any(entry.get("path") == "/e2e/****************" for entry in http.log_entries())
        assert all('"debug"' in log for log in logs.values()), {name: len(log) for name, log in logs.items()}
        for letter in map(json.dumps, stack.kafka.records(DEAD)):
            assert not any(text in letter for text in DIGITS), letter
        for name, log in logs.items():
            assert not any(text in log for text in DIGITS), name
    finally:
        stack.bridge.env["LOG_STREAM_LEVEL"] = before
        stack.bridge.terminate()
        stack.bridge.wait(10)
        stack.repair()
