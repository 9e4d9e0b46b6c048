"""`kill -9` of any process, in any order, and a restart: the others carry on, and the next request works within 2 s."""

import itertools
import threading
import time

import pytest
from harness.clock import running
from harness.http import assert_problem
from harness.processes import wait_until
from harness.sio import Listener
from harness.stack import Stack, intent

pytestmark = pytest.mark.disturbs
NAMES = ["bridge", "edge-http", "edge-ws-1", "edge-ws-2", "demo", "redis", "broker", "nginx"]


def others_run(stack: Stack, *names: str) -> None:
    for process in stack.processes:
        assert process.running or process.name in names, f"{process.name} ended when {names} were killed"


def restart(stack: Stack, name: str) -> None:
    """Starts a process. How long the broker and Redis take until they answer is not the gateway's doing, so that is waited for."""
    process = stack.named(name)
    process.start()
    if name in ("broker", "redis"):
        stack.wait_started(process)


def works(stack: Stack) -> bool:
    """A request is answered, and its user is told by either replica."""
    try:
        return stack.create(timeout=3).status == 201
    except OSError:
        return False


def update_arrives(stack: Stack, replica: int, user: str) -> bool:
    try:
        with Listener(stack.ports[f"edge-ws-{replica}"], user=user) as listener:
            created = stack.create(user, timeout=3)
            if created.status != 201 or stack.confirm(created.json()["id"], timeout=3).status != 200:
                return False
            return "succeeded" in listener.wait_status(created.json()["id"], "succeeded", 3)
    except Exception:
        return False


@pytest.mark.parametrize("name", NAMES)
def test_killed_alone(stack, name):
    process = stack.named(name)
    stack.kill(process)
    time.sleep(0.5)
    others_run(stack, name)
    if name.startswith("edge-ws"):
        assert works(stack), "REST needs no edge-ws"
    restart(stack, name)
    start = time.monotonic()
    wait_until(lambda: works(stack), 10, "a request that works", 0.05)
    first = running(start)
    wait_until(lambda: all(update_arrives(stack, n, f"after-{name}-{n}") for n in (1, 2)), 15, "updates at both replicas", 0.05)
    print(f"{name}: next request works {first:.2f} s after the restart")
    assert first < 2, f"the next request worked only {first:.2f} s after the restart"
    others_run(stack)


@pytest.mark.long
@pytest.mark.parametrize("order", list(itertools.permutations(["bridge", "edge-http", "edge-ws-1"])), ids="-".join)
def test_killed_together_and_restarted_in_any_order(stack, order):
    for name in order:
        stack.kill(stack.named(name))
    others_run(stack, *order)
    for name in reversed(order):
        stack.named(name).start()
        time.sleep(0.2)
    start = time.monotonic()
    wait_until(lambda: works(stack), 10, "a request that works", 0.05)
    first = running(start)
    assert first < 2, f"the next request worked only {first:.2f} s after the last restart"
    wait_until(lambda: update_arrives(stack, 1, "-".join(order)), 15, "updates at the replica", 0.05)


@pytest.mark.long
def test_killed_one_after_another(stack):
    for name in ["bridge", "redis", "edge-ws-2", "edge-http", "demo", "bridge", "edge-ws-1", "broker", "bridge"]:
        stack.kill(stack.named(name))
        others_run(stack, name)
        restart(stack, name)
        start = time.monotonic()
        wait_until(lambda: works(stack), 10, f"a request that works after {name}", 0.05)
        assert running(start) < 2, name
    stack.wait_all_ready()


CREATE = "vy-finance-payments.payment-intents.create"
REPLIES = "vy-gateway.reply"


def has_record(stack: Stack, topic: str, user: str) -> bool:
    return any(f'"userId":"{user}"' in (record["payload"] or "").replace(" ", "") for record in stack.kafka.records(topic, last=50))


class Caller:
    """A request in the background. It is in Kafka, and its reply is not, when `with` begins."""

    def __init__(self, stack: Stack, path: str, user: str, delay: int):
        self.stack, self.user = stack, user
        self.answers: list = []
        body = intent(user, demo={"delayMs": delay})
        self.thread = threading.Thread(target=lambda: self.answers.append(stack.post(path, body, timeout=25)))

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: has_record(self.stack, CREATE, self.user), 10, "the request in Kafka")
        assert not self.answers and not has_record(self.stack, REPLIES, self.user)
        return self

    def __exit__(self, *_):
        self.thread.join(25)

    def answer(self):
        self.thread.join(25)
        assert self.answers, "no answer"
        return self.answers[0]


def test_a_reply_in_flight_survives_a_bridge_restart(stack):
    with Caller(stack, "/e2e/patient", "resumed", 4000) as caller:
        stack.bridge.kill()
        time.sleep(0.3)
        stack.bridge.start()
        stack.bridge.wait_log("listening")
        assert not has_record(stack, REPLIES, "resumed"), "the reply came before the bridge was back"
        answer = caller.answer()
    assert answer.status == 200, answer
    assert answer.json()["userId"] == "resumed"


def test_a_reply_that_came_while_the_bridge_was_down_is_found(stack):
    with Caller(stack, "/e2e/patient", "found", 2500) as caller:
        stack.bridge.kill()
        wait_until(lambda: has_record(stack, REPLIES, "found"), 10, "the reply in Kafka")
        stack.bridge.start()
        answer = caller.answer()
    assert answer.status == 200, answer
    assert answer.json()["userId"] == "found"


def test_a_bridge_that_stays_away_is_504_unknown_for_what_was_sent(stack):
    with Caller(stack, "/e2e/brief", "unknown", 2500) as caller:
        stack.bridge.kill()
        answer = caller.answer()
    assert_problem(answer, 504, "unknown")


def test_a_client_moves_to_the_other_replica(stack):
    """Its replica is killed: the client reconnects through nginx by itself and gets later updates."""
    with Listener(stack.port, user="mover", transport="polling", reconnect=True) as listener:
        lines = (stack.folder / "nginx/access.log").read_text().splitlines()
        used = next(p for p in stack.ws if f":{stack.ports[p.name]}" in next(line for line in reversed(lines) if "/socket.io/" in line))
        used.kill()
        assert listener.wait_connects(2, 15) >= 2
        created = stack.create("mover").json()
        stack.confirm(created["id"])
        assert "succeeded" in listener.wait_status(created["id"], "succeeded")


def test_a_second_bridge_takes_over(stack):
    """Another bridge on the same socket: the first one is told to go, and no request is lost meanwhile."""
    from harness.processes import Process

    second = Process("bridge-b", stack.bridge.command, stack.folder / "bridge-b", {**stack.bridge.env, "BRIDGE_ADMIN_PORT": "0"})
    try:
        second.start()
        second.wait_log("listening")
        wait_until(lambda: works(stack), 5, "a request that works")
        stack.bridge.wait(15)
        for _ in range(20):
            assert stack.create().status == 201
    finally:
        second.stop()
