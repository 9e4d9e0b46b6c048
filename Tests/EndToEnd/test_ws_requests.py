"""Requests that come as events of a socket."""

import json
import time

import pytest

from harness.clock import running
from harness.extra import SECRET, Client, Raw, edge_ws, token
from harness.http import request
from harness.processes import wait_until
from harness.sio import NAMESPACE
from harness.stack import SERVICE, intent

CREATE = "vy-finance-payments.payment-intents.create"


@pytest.fixture(scope="module")
def edge(whole_stack):
    with edge_ws(
        whole_stack, "ws-requests", SERVICES_DIR=whole_stack.folder / "services", HTTP_BODY_LIMIT=5000, JSON_DEPTH_LIMIT=8,
        WS_MAX_REQUESTS_PER_SOCKET=2,
    ) as process:
        yield process


@pytest.fixture
def client(stack, edge):
    with Client(edge.port, query="?userId=123") as client:
        assert client.connected
        # The bridge is reached soon after the start.
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] != 503, 10, "the bridge")
        yield client


def problem(answer: dict, status: int, code: str, outcome: str = "not_sent") -> dict:
    body = answer["body"]
    assert set(answer) == {"status", "body"}
    assert (answer["status"], body["status"], body["outcome"]) == (status, status, outcome), answer
    assert body["type"] == f"urn:vy-gateway:problem:{code}"
    assert len(body["requestId"]) == 32 and body["title"] and body["detail"] and body["instance"]
    return body


def test_an_event_is_answered_as_the_rest_call_is(stack, client):
    made = client.call("payment-intents.create", intent("123"))
    assert made["status"] == 201 and set(made) == {"status", "body"}
    got = client.call("vy-finance-payments.payment-intents.get", {"id": made["body"]["id"]})
    rest = stack.post("/payment-intents/get", {"id": made["body"]["id"]})
    assert got == {"status": rest.status, "body": rest.json()}


def test_a_services_error_has_the_document_of_rest(stack, client):
    socket = client.call("payment-intents.get", {"id": "none"})
    rest = stack.post("/payment-intents/get", {"id": "none"})
    assert socket["status"] == rest.status
    assert {**socket["body"], "requestId": ""} == {**rest.json(), "requestId": ""}
    assert socket["body"]["instance"] == f"{SERVICE}/payment-intents/get"


@pytest.mark.parametrize("status, code, arguments", [
    (422, "not-an-object", []),
    (422, "not-an-object", [[]]),
    (422, "not-an-object", ["{}"]),
    (422, "not-an-object", [None]),
    (422, "not-an-object", [{}, {}]),
    (413, "body-too-large", [{"a": "x" * 5000}]),
    (400, "malformed-json", [json.loads('{"a":' * 9 + "1" + "}" * 9)]),
    (415, "unsupported-media-type", [{"a": b"bytes"}]),
])
def test_a_wrong_body_is_refused(client, status, code, arguments):
    problem(client.call("payment-intents.get", *arguments), status, code)
    assert client.connected


def test_an_event_of_no_operation_is_404(client):
    for event in ("nothing", "payment-intents", "e2e.nothing", "payment-intents.get "):
        problem(client.call(event, {}), 404, "unknown-route")


def test_events_without_ack_are_ignored(stack, client):
    client.emit("payment-intents.create", intent("ignored"))
    client.emit("nothing", {})
    assert client.call("payment-intents.get", {"id": "none"})["status"] == 404
    assert all('"ignored"' not in record["payload"] for record in stack.kafka.records(CREATE))


def test_a_missing_topic_is_not_sent(client):
    assert problem(client.call("missing", {}), 503, "topic-missing")["retryAfter"] >= 1


def test_the_outcome_is_unknown_at_the_deadline(stack):
    with edge_ws(stack, "ws-deadline", KAFKA_REPLY_TIMEOUT=700) as process, Client(process.port) as client:
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] == 404, 10, "the bridge")
        start = time.monotonic()
        answer = client.call("payment-intents.create", intent("123", {"delayMs": 3000}))
        assert 0.6 < time.monotonic() - start and running(start) < 2
        problem(answer, 504, "deadline", "unknown")


@pytest.mark.parametrize("reply, status", [
    ("rpc-402", 402), ("rpc-statusCode-409", 409), ("rpc-text", 502), ("internal-error", 502), ("buffer", 502),
])
def test_service_errors_have_their_status(stack, client, reply, status):
    socket = client.call("payment-intents.create", intent("123", {"reply": reply}))
    rest = stack.create("123", demo={"reply": reply})
    assert socket["status"] == rest.status == status
    assert {**socket["body"], "requestId": ""} == {**rest.json(), "requestId": ""}


@pytest.mark.parametrize("body", ["", "{", '{"a":}', '{"a":1,}', '{"a":NaN}', '{"a":"\x01"}'])
def test_json_that_is_none_closes_the_connection(edge, body):
    """As everything that breaks the protocol does."""
    with Raw(edge.port, "&userId=123") as raw:
        assert raw.join()[0] == "0"
        raw.send(f'42{NAMESPACE},1["payment-intents.get",{body}]')
        assert raw.receive() is None
    assert edge.running


def test_the_bytes_of_the_body_are_passed_on(stack, edge):
    body = '{ "b":1.50,  "a":"\\u00e9/" ,"userId":"123","currency":"usd","amount":1e3}'
    with Raw(edge.port, "&userId=123") as raw:
        assert raw.join()[0] == "0"
        raw.send(f'42{NAMESPACE},7["payment-intents.create",{body}]')
        wait_until(lambda: (raw.receive() or "").startswith(f"43{NAMESPACE},7["), 10, "the acknowledgement")
    assert body in [record["payload"] for record in stack.kafka.records(CREATE, last=3)]


def test_requests_come_over_polling_as_well(stack, edge):
    with Client(edge.port, query="?userId=123", transport="polling") as client:
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] != 503, 10, "the bridge")
        assert client.call("payment-intents.create", intent("123"))["status"] == 201
        problem(client.call("nothing", {}), 404, "unknown-route")


def test_only_a_tokens_user_is_named_to_the_service(stack):
    with edge_ws(stack, "ws-named", AUTH_JWT_SECRET=SECRET) as process, Client(process.port, auth={"token": token(sub="named")}) as client:
        wait_until(lambda: client.call("payment-intents.create", intent("named", amount=4711))["status"] == 201, 10, "the bridge")
    with Client(stack.ports["edge-ws-1"], query="?userId=named") as client:
        assert client.call("payment-intents.create", intent("named", amount=4712))["status"] == 201
    records = {json.loads(r["payload"]).get("amount"): r["headers"] for r in stack.kafka.records(CREATE)}
    assert records[4711]["x-user-id"] == "named"
    assert "x-user-id" not in records[4712]
    assert len(records[4712]["x-request-id"]) == 32 and int(records[4712]["x-deadline"]) > time.time() * 1000 - 60_000


def test_requests_of_one_socket_are_bounded(client):
    answers = []
    for _ in range(5):
        client.emit("payment-intents.create", intent("123", {"delayMs": 700}), callback=answers.append)
    wait_until(lambda: len(answers) == 5, 10, "all answers")
    assert sorted(answer["status"] for answer in answers) == [201, 201, 503, 503, 503]
    problem(next(a for a in answers if a["status"] == 503), 503, "too-many-requests-in-flight")


def test_a_socket_that_goes_takes_its_requests_along(stack):
    """Of the one request that may be in flight, so that the next socket's is let in before the first one's answer."""
    slow = intent("123", {"delayMs": 4000})
    with edge_ws(stack, "ws-one", WS_MAX_IN_FLIGHT=1) as process, Client(process.port) as client:
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] == 404, 10, "the bridge")
        with Client(process.port) as leaving:
            leaving.emit("payment-intents.create", slow, callback=lambda *_: None)
            time.sleep(0.3)
            problem(client.call("payment-intents.get", {"id": "none"}), 503, "too-many-requests-in-flight")
        start = time.monotonic()
        wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] == 404, 2, "room for a request")
        assert running(start) < 2
        process.stop()
        summary = process.summary()
        assert int(summary["refusedRequests"]["too-many-requests-in-flight"]) >= 1 and int(summary["requests"]) >= 3


@pytest.mark.disturbs
def test_a_bridge_that_goes_and_comes_back(stack, client):
    """What is in flight is answered by the next bridge, what comes meanwhile is not sent."""
    answers = []
    client.emit("payment-intents.create", intent("123", {"delayMs": 1500}), callback=answers.append)
    time.sleep(0.3)
    stack.bridge.kill()
    start = time.monotonic()
    problem(client.call("payment-intents.get", {"id": "none"}), 503, "bridge-unavailable")
    assert running(start) < 1, "at once, not at the deadline"
    stack.bridge.start()
    stack.wait_started(stack.bridge)
    wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] == 404, 10, "the next bridge")
    wait_until(lambda: answers, 10, "the answer to what was in flight")
    assert answers[0]["status"] == 201 and client.connected


def test_without_a_bridge_it_only_pushes(stack):
    with edge_ws(stack, "ws-pushes", BRIDGE_SOCKET=None) as process, Client(process.port, query="?userId=123") as client:
        for event in ("payment-intents.get", "nothing"):
            problem(client.call(event, {"id": "x"}), 404, "pushes-only")
        assert client.call("register-user", "456") == {"ok": True, "userId": "456"}
        assert request(process.admin, "GET", "/readyz").status == 200


def test_a_bridge_that_is_away_does_not_make_it_unready(stack):
    with edge_ws(
        stack, "ws-alone", BRIDGE_SOCKET=stack.folder / "nobody.sock", SERVICES_DIR=stack.folder / "services",
    ) as process, Client(process.port, query="?userId=123") as client:
        assert problem(client.call("payment-intents.get", {"id": "x"}), 503, "bridge-unavailable")["retryAfter"] >= 1
        assert request(process.admin, "GET", "/readyz").status == 200
