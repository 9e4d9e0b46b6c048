"""Whom ActiveCampaign is told of, when, how often, and what its answers lead to."""

import email.utils
import json
import subprocess
import time

import pytest
from harness.active_campaign import JOBS, KEY, SYNC, TAG, Planned, active_campaign, all_done, dead_letters, pay, telling, wait_done
from harness.clock import running
from harness.extra import Client, edge_ws
from harness.processes import wait_until
from harness.stack import intent


@pytest.fixture
def server(stack):
    with active_campaign(stack) as server:
        yield server


def settle(stack, server, calls: int) -> None:
    """All is done, and nothing comes after."""
    wait_done(stack)
    time.sleep(0.7)
    assert len(server.calls) == calls, server.calls


def test_the_contact_of_a_payment_that_succeeds_is_upserted_and_tagged(stack, server):
    with telling(stack, server) as edge:
        payment = pay(stack, edge, "Ada+Lovelace@x.example", customer={"email": "other@x.example", "name": "Ada King Lovelace"})
        server.wait(TAG)
        settle(stack, server, 2)
        sync, tag = server.calls
        assert (sync.path, tag.path) == (SYNC, TAG)
        assert sync.body == b'{"contact":{"email":"Ada+Lovelace@x.example","firstName":"Ada","lastName":"King Lovelace"}}'
        assert tag.body == b'{"contactTag":{"contact":"100","tag":"7"}}'
        for call in server.calls:
            assert call.headers["api-token"] == KEY
            assert call.headers["content-type"] == call.headers["accept"] == "application/json"
            assert call.headers["user-agent"].startswith("vy-gateway/")
            assert int(call.headers["content-length"]) == len(call.body)
        assert "contact" not in stack.redis_cli("hkeys", f"vy:payment:{payment}").split(), "the e-mail is kept no longer"
        wait_until(lambda: "contact delivered" in edge.log_text(), 3, "the log")
        log = edge.log_text()
        assert '"debug"' in log and payment in log
        assert KEY not in log and "x.example" not in log.lower()


def test_a_customers_email_serves_as_well_and_a_tag_is_not_needed(stack, server):
    with telling(stack, server, ACTIVE_CAMPAIGN_TAG_ID=None) as edge:
        for _ in range(2):
            pay(stack, edge, None, customer={"email": "b@x.example"})
        server.wait(SYNC, 2)
        settle(stack, server, 2)
        assert {call.body for call in server.calls} == {b'{"contact":{"email":"b@x.example"}}'}
        assert len(server.contacts) == 1


def test_a_payment_of_a_socket_counts(stack, server):
    with telling(stack, server) as edge, edge_ws(stack, "ws-ac") as ws, Client(ws.port, query="?userId=ac") as client:
        created = client.call("payment-intents.create", {**intent("ac"), "receipt_email": "socket@x.example"})
        assert created["status"] == 201, created
        assert client.call("payment-intents.confirm", {"id": created["body"]["id"]})["status"] == 200
        server.wait(TAG)
        settle(stack, server, 2)
        assert server.calls[0].email == "socket@x.example" and "x.example" not in ws.log_text() + edge.log_text()


def test_nobody_is_called_without_an_email_or_a_success(stack, server):
    with telling(stack, server) as edge:
        pay(stack, edge, None)
        assert stack.post("/payment-intents", {**intent(), "receipt_email": "a@x.example"}, port=edge.port).status == 201
        declined = {**intent(demo={"reply": "rpc-402"}), "receipt_email": "a@x.example"}
        assert stack.post("/payment-intents", declined, port=edge.port).status == 402
        time.sleep(1.5)
        assert server.calls == [] and all_done(stack)


def test_an_answer_that_says_succeeded_is_enough(stack, server):
    """No status update has told the bridge so while somebody wanted to know."""
    created = stack.create().json()
    assert stack.confirm(created["id"]).status == 200
    wait_until(lambda: stack.post("/payment-intents/get", {"id": created["id"]}).json()["status"] == "succeeded", 5, "success")
    with telling(stack, server) as edge:
        body = {"id": created["id"], "receipt_email": "a@x.example"}
        for _ in range(3):
            assert stack.post("/payment-intents/get", body, port=edge.port).json()["status"] == "succeeded"
        server.wait(TAG)
        settle(stack, server, 2)


def test_an_answer_that_comes_later_counts(stack, server):
    """The client has 202 when the service answers, or asks again with its key after 504."""
    with telling(stack, server) as edge:
        body = {**intent(demo={"delayMs": 1500}), "receipt_email": "late@x.example"}
        headers = {"Idempotency-Key": f"ac-{time.time()}"}
        assert stack.post("/e2e/silent", body, port=edge.port, headers=headers).status == 504
        retry = wait_until(
            lambda: (answer := stack.post("/e2e/silent", body, port=edge.port, headers=headers)).status == 200 and answer, 5, "the late answer")
        stack.confirm(retry.json()["id"])
        accepted = stack.post("/payment-intents", {**intent(), "receipt_email": "async@x.example"}, port=edge.port, headers={"Prefer": "respond-async"})
        assert accepted.status == 202
        location = accepted.headers["location"]
        answer = wait_until(lambda: (found := stack.get(location, port=edge.port).json()).get("amount") and found, 5, "the answer")
        stack.confirm(answer["id"])
        assert {call.email for call in server.wait(SYNC, 2)} == {"late@x.example", "async@x.example"}
        server.wait(TAG, 2)
        settle(stack, server, 4)


@pytest.mark.parametrize("failure", [
    Planned(200, b'{"success":0,"message":"failed"}'), Planned(500), Planned(503, b"<html>"), Planned(408), Planned(401),
    Planned(delay=3, status=200),
], ids=lambda plan: f"{plan.status}-{plan.delay}")
def test_what_may_pass_is_tried_again(stack, server, failure):
    with telling(stack, server, REST_TIMEOUT=400) as edge:
        server.planned = [failure, failure]
        pay(stack, edge, "a@x.example")
        syncs = server.wait(SYNC, 3, 20)
        server.wait(TAG)
        settle(stack, server, 4)
        warnings = [entry for entry in edge.log_entries() if entry["message"] == "contact not delivered yet"]
        assert [entry["attempts"] for entry in warnings] == ["1", "2"]
        pauses = [int(entry["againInMs"]) / 1000 for entry in warnings]
        assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2, pauses
        for pause, earlier, later in zip(pauses, syncs, syncs[1:]):
            assert later.at - earlier.at > pause - 0.01 and running(earlier.at, later.at) < pause + 2, (pauses, syncs)


def test_a_tag_that_fails_is_tried_again_with_its_contact(stack, server):
    with telling(stack, server) as edge:
        server.planned = [Planned(works=True), Planned(500)]
        pay(stack, edge, "a@x.example")
        server.wait(TAG, 2)
        settle(stack, server, 4)
        assert [call.path for call in server.calls] == [SYNC, TAG, SYNC, TAG] and len(server.tags) == 1


@pytest.mark.parametrize("is_date", [False, True])
def test_retry_after_holds_for_all_calls(stack, server, is_date):
    with telling(stack, server) as edge, telling(stack, server, "edge-http-ac-2") as other:
        value = email.utils.formatdate(time.time() + 4, usegmt=True) if is_date else "3"
        server.planned = [Planned(429, headers={"Retry-After": value})]
        pay(stack, edge, "a@x.example")
        first = server.wait(SYNC)[0]
        wait_until(lambda: stack.redis_cli("exists", "vy:activecampaign:pause") == "1", 3, "the pause")
        for _ in range(3):
            pay(stack, other, "b@x.example")
        server.wait(TAG, 4)
        settle(stack, server, 9)
        assert server.calls[1].at - first.at > (2 if is_date else 3), "somebody called before"
        assert running(first.at, server.calls[1].at) < 7


def test_after_the_last_attempt_it_is_a_dead_letter_that_can_be_tried_again(stack, server):
    with telling(stack, server, ACTIVE_CAMPAIGN_ATTEMPTS=2) as edge:
        server.planned = [Planned(500, b'{"message":"a@x.example"}')] * 2
        payment = pay(stack, edge, "a@x.example")
        wait_until(lambda: dead_letters(stack), 10, "the dead letter")
        assert dead_letters(stack) == [{"payment": payment, "attempts": "2", "reason": "status 500"}]
        settle(stack, server, 2)
        assert [entry["payment"] for entry in edge.log_entries() if entry["message"] == "contact given up"] == [payment]
        # As docs/operations.md says.
        stack.redis_cli("xadd", JOBS, "*", "payment", payment)
        server.wait(TAG)
        settle(stack, server, 4)
        log = edge.log_text() + json.dumps(dead_letters(stack))
        assert KEY not in log and "a@x.example" not in log


def test_what_will_fail_again_is_a_dead_letter_at_once(stack, server):
    with telling(stack, server) as edge:
        server.planned = [Planned(422, b'{"errors":[{"title":"a@x.example is not valid","code":"email_invalid"}]}')]
        refused = pay(stack, edge, "a@x.example")
        server.planned.append(Planned(308, headers={"Location": f"{server.url}/elsewhere"}))
        moved = pay(stack, edge, "b@x.example")
        wait_until(lambda: len(dead_letters(stack)) == 2, 10, "the dead letters")
        assert sorted(letter["reason"] for letter in dead_letters(stack)) == ["status 308", "status 422: email_invalid"]
        assert {letter["payment"] for letter in dead_letters(stack)} == {refused, moved}
        settle(stack, server, 2)


def test_a_server_that_nobody_vouches_for_is_told_nothing(stack, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
    ], capture_output=True, check=True)
    with active_campaign(stack, certificate=(certificate, key)) as server, telling(stack, server) as edge:
        pay(stack, edge, "a@x.example")
        assert "CERTIFICATE_VERIFY_FAILED" in edge.wait_log("contact not delivered yet")["reason"]
        assert server.calls == []
