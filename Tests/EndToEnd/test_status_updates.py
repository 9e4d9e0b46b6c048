"""Status updates reach the right user, through either replica, on every transport, and nobody else."""

import json
import threading
import time

import pytest
from harness import bridges
from harness.processes import wait_until
from harness.stack import Stack


def subscribers(stack: Stack, user: str) -> int:
    reply = stack.redis_cli("pubsub", "numsub", f"vy:user:{{{user}}}:updates").split()
    return int(reply[-1])


def pay(stack: Stack, user: str) -> str:
    created = stack.create(user)
    assert created.status == 201, created
    confirmed = stack.confirm(created.json()["id"])
    assert confirmed.status == 200, confirmed
    return created.json()["id"]


@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
@pytest.mark.parametrize("replica", [1, 2])
def test_updates_by_query(stack, listen, replica, transport):
    user = f"query-{replica}-{transport}"
    listener = listen(replica, user=user, transport=transport)
    intent_id = pay(stack, user)
    assert listener.wait_status(intent_id, "succeeded")[-2:] == ["processing", "succeeded"]
    assert all(update["userId"] == user for update in listener.updates)


@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
def test_updates_through_nginx(stack, listen, transport):
    user = f"nginx-{transport}"
    listener = listen(user=user, transport=transport)
    intent_id = pay(stack, user)
    assert listener.wait_status(intent_id, "succeeded")[-2:] == ["processing", "succeeded"]
    if transport == "upgrade":
        assert listener.transport == "websocket"


def test_each_user_gets_exactly_the_own_updates(stack, listen):
    by_query = listen(1, user="123")
    by_event = listen(2, register="456")
    third = listen(1, user="789")
    also_third = listen(2, user="789")
    nobody = listen(2)
    wait_until(lambda: subscribers(stack, "456"), 5, "subscription of 456")
    first, second = pay(stack, "123"), pay(stack, "456")
    assert by_query.wait_status(first, "succeeded")[-2:] == ["processing", "succeeded"]
    assert by_event.wait_status(second, "succeeded")[-2:] == ["processing", "succeeded"]
    for listener in (by_query, by_event, third, also_third, nobody):
        listener.settle(0.2)
    assert {update["id"] for update in by_query.updates} == {first}
    assert {update["id"] for update in by_event.updates} == {second}
    assert third.updates == also_third.updates == nobody.updates == []
    versions = [update["version"] for update in by_query.updates]
    assert versions == sorted(set(versions)), "each once and in order"


def test_two_sockets_of_a_user_at_different_replicas(stack, listen):
    sockets = [listen(replica, user="both") for replica in (1, 2, 1)]
    intent_id = pay(stack, "both")
    for listener in sockets:
        assert listener.wait_status(intent_id, "succeeded")[-2:] == ["processing", "succeeded"]


def test_both_replicas_are_used_and_polling_sticks(stack, listen):
    listeners = [listen(user=f"spread-{n}", transport="polling") for n in range(12)]
    payments = {listener: pay(stack, f"spread-{n}") for n, listener in enumerate(listeners)}
    for listener, intent_id in payments.items():
        assert "succeeded" in listener.wait_status(intent_id, "succeeded")
    lines = [json.loads(line) for line in (stack.folder / "nginx/access.log").read_text().splitlines()]
    replicas = {line["upstream"].split(", ")[-1] for line in lines if line["message"].endswith("/socket.io/")}
    assert len(replicas) == 2, replicas


def test_a_number_is_the_user_of_the_same_text(stack, listen):
    listener = listen(1, user="4711")
    update = {"id": "pi_number", "userId": 4711, "status": "succeeded", "version": 1}
    stack.kafka.produce("payment-status-update", json.dumps(update).encode(), key="pi_number")
    assert listener.wait_for(1) == [update]


def test_large_numbers_and_key_order_survive(stack, listen):
    listener = listen(1, user="exact")
    update = b'{"z":1,"id":"pi_exact","userId":"exact","status":"succeeded","amount":12345678901234567890,"a":0.10}'
    stack.kafka.produce("payment-status-update", update)
    [received] = listener.wait_for(1)
    assert received["amount"] == 12345678901234567890
    assert list(received) == list(json.loads(update))
    assert update.decode() in stack.redis_cli("xrange", "vy:user:{exact}:history", "-", "+"), "spliced, not encoded anew"


@pytest.mark.parametrize(
    "value, headers",
    [
        (b"no json", {}), (b"[1]", {}), (b'{"id":"x"}', {}), (b'{"userId":{}}', {}), (b"\xff\xfe", {}),
    ],
)
def test_updates_that_name_no_user_go_to_the_dead_letter_topic(stack, listen, value, headers):
    before = len(stack.kafka.records("vy-gateway.dead-letter"))
    stack.kafka.produce("payment-status-update", value, headers=headers)
    records = wait_until(
        lambda: (r := stack.kafka.records("vy-gateway.dead-letter")) and len(r) > before and r, 10, "dead letter", 0.2)
    assert any("reason" in name for name in records[-1]["headers"]), records[-1]


def test_the_header_and_the_key_name_the_user_where_the_value_does_not(stack, listen):
    by_header, by_key = listen(1, user="by-header"), listen(2, user="by-key")
    stack.kafka.produce("payment-status-update", b'{"id":"h"}', headers={"x-user-id": "by-header"})
    stack.kafka.produce("payment-status-update", b'{"id":"k"}', key="by-key")
    assert by_header.wait_for(1) == [{"id": "h"}]
    assert by_key.wait_for(1) == [{"id": "k"}]


def test_history_is_kept_for_the_user(stack):
    pay(stack, "history")
    wait_until(lambda: "succeeded" in stack.redis_cli("xrange", "vy:user:{history}:history", "-", "+"), 5, "history")
    assert int(stack.redis_cli("pttl", "vy:user:{history}:history")) > 0


def test_a_user_without_sockets_costs_no_subscription(stack, listen):
    listener = listen(1, user="gone")
    wait_until(lambda: subscribers(stack, "gone") == 1, 5, "subscription")
    listener.close()
    wait_until(lambda: subscribers(stack, "gone") == 0, 5, "end of the subscription")


def test_a_bridge_leaves_at_once_while_updates_come(stack):
    stop = threading.Event()
    with stack.kafka.producer("leaving-updates") as send:

        def load() -> None:
            while not stop.wait(0.001):
                send("leaving", b'{"id":"pi_leaving","userId":"leaving"}')

        thread = threading.Thread(target=load)
        thread.start()
        try:
            with bridges.bridge(stack, "leaving", KAFKA_STATUS_TOPICS='["leaving-updates"]', SHUTDOWN_TIMEOUT=20_000) as bridge:
                wait_until(lambda: "leaving" in stack.redis_cli("xrange", "vy:user:{leaving}:history", "-", "+"), 20, "updates")
                begun = time.monotonic()
                bridge.terminate()
                assert bridge.wait(25) == 0
                assert time.monotonic() - begun < 10
        finally:
            stop.set()
            thread.join()


@pytest.mark.disturbs
def test_updates_made_while_redis_was_away_arrive_after(stack, listen):
    listener = listen(1, user="late")
    wait_until(lambda: subscribers(stack, "late"), 5, "subscription")
    stack.redis.kill()
    payments = []
    for _ in range(3):
        created = stack.create("late")
        assert created.status == 201, "REST needs no Redis"
        assert stack.confirm(created.json()["id"]).status == 200
        payments.append(created.json()["id"])
    wait_until(lambda: not stack.readiness(stack.ws[0])[0], 5, "edge-ws says what it misses")
    assert any("redis" in missing.lower() for missing in stack.readiness(stack.ws[0])[1])
    time.sleep(1)
    assert listener.updates == []
    stack.redis.start()
    stack.wait_started(stack.redis)
    for intent_id in payments:
        assert listener.wait_status(intent_id, "succeeded", 15)[-2:] == ["processing", "succeeded"]
    listener.settle()
    for intent_id in payments:
        versions = [update["version"] for update in listener.updates if update["id"] == intent_id]
        assert versions == sorted(set(versions)), "each once and in order"
    stack.wait_all_ready()
