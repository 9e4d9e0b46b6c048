"""Several bridges of one host: an edge uses one that works, and what went through a lost one is answered through another."""

import contextlib
import threading
import time

import pytest
from harness import bridges
from harness.extra import Client, edge_ws
from harness.http import assert_problem, request
from harness.operations import late_answer, new_user, sent
from harness.processes import Process, wait_until
from harness.rest import edge_http
from harness.stack import intent


@contextlib.contextmanager
def bridge(stack, name: str, socket: str | None = None, **env):
    with bridges.bridge(
        stack, name, KAFKA_GROUP="vy-gateway-bridges", BRIDGE_SOCKET=path(stack, socket or name), KAFKA_STATUS_TOPICS="[]", **env,
    ) as process:
        wait_started(process)
        yield process


def counters(process: Process) -> dict:
    return request(int(process.wait_log("admin listening")["port"]), "GET", "/counters").json()


def start(process: Process) -> None:
    process.start()
    wait_started(process)


def wait_started(process: Process) -> None:
    process.wait_log("listening")
    process.wait_log("reply partition assigned")


def path(stack, name: str):
    return stack.folder / f"{name}.sock"


def sockets(stack, *names: str) -> str:
    return ",".join(str(path(stack, name)) for name in names)


@pytest.fixture
def pair(stack):
    """Two bridges whose replies come in apart from each other, and an edge that has begun with the first."""
    with bridge(stack, "first", KAFKA_REPLY_PARTITION=1) as first, bridge(stack, "second", KAFKA_REPLY_PARTITION=2) as second:
        with edge_http(stack, "http-bridges", BRIDGE_SOCKET=sockets(stack, "first", "second")) as edge:
            yield first, second, edge


def post_all(stack, port: int, count: int, demo: dict, path: str = "/payment-intents"):
    """Answers of so many requests at a time, as they come."""
    answers: list = []
    threads = [threading.Thread(target=lambda: answers.append(stack.post(path, intent(new_user(), demo), port=port))) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_an_edge_uses_one_that_works(stack):
    with bridge(stack, "only") as only, edge_http(stack, "http-only", BRIDGE_SOCKET=sockets(stack, "none", "only", "neither")) as edge:
        assert stack.create(port=edge.port).status == 201
        only.kill()
        assert_problem(stack.create(port=edge.port), 503, "not_sent")
        start(only)
        wait_until(lambda: stack.create(port=edge.port).status == 201, 5, "the bridge is used again")


def test_what_a_killed_bridge_sent_is_answered_through_the_other(stack, pair):
    first, second, edge = pair
    threads, answers = post_all(stack, edge.port, 20, {"delayMs": 1500})
    time.sleep(0.7)
    first.kill()
    assert stack.create(port=edge.port).status == 201, "and new requests go on at once"
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 20
    assert second.log_text().count("replies of another bridge are read") == 1


def test_what_came_while_nobody_read_is_found(stack, pair):
    first, second, edge = pair
    second.child.send_signal(19)  # SIGSTOP: the edge cannot change over before it goes on
    threads, answers = post_all(stack, edge.port, 5, {"delayMs": 500})
    time.sleep(0.3)
    first.kill()
    time.sleep(1)
    second.child.send_signal(18)
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 5


def test_a_late_answer_outlives_the_bridge_that_asked(stack, pair):
    first, _, edge = pair
    user = new_user()
    late = stack.post("/e2e/silent", intent(user, {"delayMs": 2500}), port=edge.port)
    assert_problem(late, 504, "unknown")
    first.kill()
    answer = late_answer(stack, late.headers["location"], port=edge.port)
    assert answer.status == 200 and answer.json()["userId"] == user


def test_a_bridge_that_leaves_fails_no_request(stack, pair):
    first, second, edge = pair
    # Else the edge would not take its leave for a good sign.
    time.sleep(3.5)
    threads, answers = post_all(stack, edge.port, 20, {"delayMs": 800})
    time.sleep(0.3)
    first.terminate()
    for _ in range(30):
        assert stack.create(port=edge.port).status == 201
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 20
    assert first.wait(10) == 0


def test_a_second_bridge_at_the_same_path_takes_over(stack):
    with bridge(stack, "old", "shared", KAFKA_REPLY_PARTITION=1) as old, edge_http(stack, "http-shared", BRIDGE_SOCKET=sockets(stack, "shared")) as edge:
        time.sleep(3.5)
        stop = threading.Event()
        statuses: list = []

        def load():
            while not stop.is_set():
                statuses.append(stack.post("/payment-intents", intent(new_user(), {"delayMs": 50}), port=edge.port).status)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        with bridge(stack, "new", "shared", KAFKA_REPLY_PARTITION=2):
            assert old.wait(15) == 0, "it drains and leaves"
            before = len(statuses)
            wait_until(lambda: len(statuses) > before + 50, 10, "load goes on")
            stop.set()
            for thread in threads:
                thread.join()
        assert set(statuses) == {201}, statuses


def test_sockets_requests_change_over_as_well(stack):
    with bridge(stack, "ws-first", KAFKA_REPLY_PARTITION=3) as first, bridge(stack, "ws-second", KAFKA_REPLY_PARTITION=4):
        with edge_ws(stack, "ws-bridges", BRIDGE_SOCKET=sockets(stack, "ws-first", "ws-second")) as edge, Client(edge.port, query="?userId=123") as client:
            wait_until(lambda: client.call("payment-intents.get", {"id": "none"})["status"] != 503, 10, "the bridge")
            answers: list = []
            client.emit("payment-intents.create", intent("123", {"delayMs": 1200}), callback=answers.append)
            time.sleep(0.6)
            first.kill()
            wait_until(lambda: answers, 8, "an answer")
            assert answers[0]["status"] == 201


def test_bridges_come_and_go_under_load(stack):
    """No reply is lost, and what is unknown has no record in Kafka: it died with its bridge."""
    names = ("load-1", "load-2")
    with contextlib.ExitStack() as all_:
        pair = [all_.enter_context(bridge(stack, name, KAFKA_REPLY_PARTITION=number)) for number, name in enumerate(names)]
        edges = [all_.enter_context(edge_http(stack, f"http-load-{n}", BRIDGE_SOCKET=sockets(stack, *order))) for n, order in enumerate([names, names[::-1], names])]
        stop = threading.Event()
        results: list = []

        def load(port: int):
            while not stop.is_set():
                user = new_user()
                results.append((user, stack.post("/payment-intents", intent(user, {"delayMs": 150}), port=port)))

        threads = [threading.Thread(target=load, args=(edge.port,)) for edge in edges for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(6):
            time.sleep(1.2)
            victim = pair[turn % 2]
            victim.kill() if turn % 3 else (victim.terminate(), victim.wait(15))
            time.sleep(0.8)
            start(victim)
        stop.set()
        for thread in threads:
            thread.join()
        unknown = [user for user, answer in results if answer.status == 504]
        assert len(results) > 200 and {answer.status for _, answer in results} <= {201, 503, 504}
        for _, answer in results:
            if answer.status == 503:
                assert_problem(answer, 503, "not_sent")
        assert [user for user in unknown if sent(stack, user)] == []
        assert len(unknown) <= 6, "only what was on its way to Kafka at a kill"
        # The books: each request of a client is one of an edge, and each that began somewhere has ended there once.
        counted = [counters(edge) for edge in edges]
        assert sum(count["bridge"]["requests"] for count in counted) == len(results)
        for count in counted:
            assert count["bridge"]["requests"] == sum(count["outcomes"].values()) + count["bridge"]["waiting"]
            assert count["bridge"]["waiting"] == 0 and count["bridge"]["connections"] > 1
        assert sum(count["outcomes"].get("reply", 0) for count in counted) == sum(answer.status == 201 for _, answer in results)
        for process in pair:
            count = counters(process)
            begun = count["requests"]["requests"] + count["requests"]["events"] + count["requests"]["adopted"]
            assert begun == sum(count["ended"].values()) + count["now"]["inFlight"]
