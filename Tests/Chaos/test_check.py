"""The checker names each kind of violation, and nothing in a history without one."""

import copy
import json

import pytest
from chaos.check import KINDS, violations
from chaos.history import Answer, Attempt, Delivered, Fetch, History, Incident, Listener, Reply, Request, Update

CREATE, CONFIRM = "service.create", "service.confirm"
JSON, PROBLEM = "application/json", "application/problem+json"


def body(token: str) -> str:
    return json.dumps({"id": f"pi_{token}", "metadata": {"token": token}})


def problem(at: float, status: int, outcome: str, location: str = "", **more) -> Answer:
    return Answer(at, status, json.dumps({"status": status, "outcome": outcome, **more}).encode(), PROBLEM, location)


def asked(name: str, answer: Answer | None, *, token: str = "", edge: str = "edge-http-1", operation: str = CREATE, **more) -> Attempt:
    answers = [answer] if answer else []
    return Attempt(name, token or name, "ann", edge, operation, 10, answers=answers, ended=answer.at if answer else 11, **more)


def message(name: str, *replies: Reply, token: str = "", key: str = "", topic: str = CREATE, user: str = "ann") -> Request:
    return Request(f"c-{name}", name, token or name, user, key, topic, list(replies))


def update(number: int, user: str = "ann", partition: int = 0) -> Update:
    return Update(partition, number, user, json.dumps({"userId": user, "number": number}))


def delivered(*updates: Update) -> list[Delivered]:
    return [Delivered(20, update.text, "1-1/ann") for update in updates]


@pytest.fixture
def history() -> History:
    """Everything that may happen, and nothing that must not."""
    plain, late, declined = body("plain"), body("late"), '{"status":402,"message":"declined"}'
    mine = [update(1), update(2), update(3, partition=1)]
    return History(
        "test",
        attempts=[
            asked("plain", Answer(11, 201, plain.encode(), JSON)),
            asked("declined", problem(11, 402, "answered", code="card_declined")),
            asked("refused", problem(11, 503, "not_sent")),
            # One key: lost with its edge, then replayed, then replayed again.
            asked("keyed.1", None, token="keyed", key="k1", gave_up="lost"),
            asked("keyed.2", Answer(12, 201, body("keyed").encode(), JSON, replayed=True), token="keyed", key="k1"),
            asked("keyed.3", Answer(13, 201, body("keyed").encode(), JSON, replayed=True), token="keyed", key="k1"),
            asked("late", problem(14, 504, "unknown", "/operations/c-late")),
            asked("silent", problem(14, 504, "unknown", "/operations/c-silent")),
            asked("stream", Answer(11, 200, b'{"step":2}', JSON)),
            asked("unended", Answer(11, 200, b'{"step":1}', JSON)),
            asked("background", Answer(11, 202, b'{"id":"c-background","status":"pending"}', JSON, "/operations/c-background")),
            asked("text", Answer(11, 200, b'"plain text"', JSON)),
            asked("socket-1.1", Answer(11, 201, body("socket-1.1").encode(), JSON), edge="edge-ws-1"),
            asked("socket-1.2", None, edge="edge-ws-1", gave_up="cut"),
            asked("socket-1.3", problem(11, 504, "unknown"), edge="edge-ws-1"),
            asked("confirm", Answer(11, 200, b'{"id":"pi_plain","metadata":{"token":"plain"}}', JSON), operation=CONFIRM, subject="pi_plain"),
        ],
        fetches=[
            Fetch("/operations/c-late", "late", Answer(20, 201, late.encode(), JSON)),
            Fetch("/operations/c-silent", "silent", Answer(20, 200, b'{"id":"c-silent","status":"pending"}', JSON)),
            Fetch("/operations/c-background", "background", Answer(20, 200, b'{"step":1}', JSON)),
        ],
        listeners=[
            Listener("socket-1", "ann", [(1, False), (5, True)], delivered(mine[0], mine[2], mine[1])),
            Listener("socket-2", "bob", [(1, False)], delivered(update(9, "bob"))),
        ],
        requests=[
            message("plain", Reply(plain), Reply(plain)),
            message("declined", Reply(None, declined)),
            message("keyed.1", Reply(body("keyed")), token="keyed", key="k1"),
            message("late", Reply(late)),
            message("silent"),
            message("stream", Reply('{"step":1}', is_last=False), Reply('{"step":2}', is_last=False), Reply(None)),
            message("unended", Reply('{"step":1}', is_last=False)),
            message("background", Reply('{"step":1}', is_last=False)),
            message("text", Reply("plain text")),
            message("socket-1.1", Reply(body("socket-1.1"))),
            message("socket-1.3"),
            message("confirm", Reply('{"id":"pi_plain","metadata":{"token":"plain"}}'), topic=CONFIRM),
        ],
        updates=[*mine, update(9, "bob")],
        incidents=[Incident("kill", "edge-http-1", 10.9, 11.5)],
    )


def attempt(history: History, name: str) -> Attempt:
    return next(each for each in history.attempts if each.id == name)


def request(history: History, name: str) -> Request:
    return next(each for each in history.requests if each.request_id == name)


def test_nothing_is_found_where_there_is_nothing(history):
    assert violations(history) == []
    assert violations(History()) == []


def no_answer(history: History) -> None:
    history.incidents.clear()


def no_answer_in_time(history: History) -> None:
    attempt(history, "keyed.1").gave_up = "silence"


def lost_at_another_edge(history: History) -> None:
    history.incidents[0].target = "edge-http-2"


def lost_while_frozen(history: History) -> None:
    history.incidents[0].kind = "freeze"


def two_answers(history: History) -> None:
    attempt(history, "plain").answers *= 2


def wrong_status(history: History) -> None:
    attempt(history, "refused").answers = [problem(11, 500, "unknown")]


def strange_event(history: History) -> None:
    history.listeners[0].complaints.append("event []")


def not_sent(history: History) -> None:
    history.requests.append(message("refused"))


def operation_not_sent(history: History) -> None:
    history.fetches[0].answer = problem(20, 503, "not_sent", type="urn:vy-gateway:problem:bridge-unavailable")


def key_twice(history: History) -> None:
    history.requests.append(message("keyed.2", Reply(body("keyed")), token="keyed", key="k1"))


def swapped(history: History) -> None:
    """Two callers got each other's answers."""
    one, other = attempt(history, "plain"), attempt(history, "socket-1.1")
    one.answers, other.answers = other.answers, one.answers


def swapped_replies(history: History) -> None:
    """The service was told the wrong address: Kafka and answers agree, and the answer names another one's request."""
    request(history, "plain").replies = [Reply(body("other"))]
    attempt(history, "plain").answers = [Answer(11, 201, body("other").encode(), JSON)]


def another_payment(history: History) -> None:
    attempt(history, "confirm").subject = "pi_other"


def other_bytes(history: History) -> None:
    attempt(history, "plain").answers[0].body += b" "


def answer_without_message(history: History) -> None:
    history.requests.remove(request(history, "text"))


def fetched_by_another(history: History) -> None:
    history.fetches[0].others = 200


def fetched_anothers(history: History) -> None:
    history.fetches[0].answer = Answer(20, 201, body("plain").encode(), JSON)


def fetched_from_nowhere(history: History) -> None:
    request(history, "late").replies.clear()


def pending_for_ever(history: History) -> None:
    history.fetches[0].answer = Answer(20, 200, b'{"id":"c-late","status":"pending"}', JSON)


def operation_forgotten(history: History) -> None:
    history.fetches[0].answer = problem(20, 404, "not_sent")


def no_location(history: History) -> None:
    attempt(history, "silent").answers[0].location = ""


def key_without_answer(history: History) -> None:
    for name in ("keyed.2", "keyed.3"):
        attempt(history, name).answers = [problem(12, 504, "unknown", "/operations/c-keyed.1")]


def replay_of_other_bytes(history: History) -> None:
    """Both are replies of the service, which had the request twice."""
    request(history, "keyed.1").replies.append(Reply(body("keyed") + " "))
    attempt(history, "keyed.3").answers[0].body += b" "


def replay_of_other_type(history: History) -> None:
    attempt(history, "keyed.3").answers[0].type = "text/plain"


def update_missing(history: History) -> None:
    history.listeners[0].updates.pop()


def update_twice(history: History) -> None:
    history.listeners[0].updates *= 2


def update_early(history: History) -> None:
    history.listeners[0].updates.reverse()


def update_of_another(history: History) -> None:
    history.listeners[0].updates += delivered(update(9, "bob"))


def update_from_nowhere(history: History) -> None:
    history.listeners[0].updates += delivered(update(4))


def began_anew(history: History) -> None:
    history.listeners[0].connects.append((9, False))


def crashed(history: History) -> None:
    history.complaints.append("bridge-1 ended with -11")


@pytest.mark.parametrize("fault, kind", [
    (no_answer, "no-answer"), (no_answer_in_time, "no-answer"), (lost_at_another_edge, "no-answer"), (lost_while_frozen, "no-answer"),
    (two_answers, "two-answers"),
    (wrong_status, "unexpected-answer"), (strange_event, "unexpected-answer"),
    (not_sent, "not-sent-but-sent"), (operation_not_sent, "not-sent-but-sent"),
    (key_twice, "key-sent-twice"),
    (swapped, "foreign-reply"), (swapped_replies, "foreign-reply"), (another_payment, "foreign-reply"), (other_bytes, "foreign-reply"),
    (answer_without_message, "foreign-reply"), (fetched_by_another, "foreign-reply"), (fetched_anothers, "foreign-reply"),
    (fetched_from_nowhere, "foreign-reply"),
    (pending_for_ever, "unknown-not-fetchable"), (operation_forgotten, "unknown-not-fetchable"), (no_location, "unknown-not-fetchable"),
    (key_without_answer, "unknown-not-fetchable"),
    (replay_of_other_bytes, "replay-differs"), (replay_of_other_type, "replay-differs"),
    (update_missing, "update-missing"), (update_twice, "update-twice"), (update_early, "update-out-of-order"),
    (update_of_another, "update-of-another"), (update_from_nowhere, "update-of-another"),
    (began_anew, "not-recovered"), (crashed, "process"),
], ids=lambda value: getattr(value, "__name__", value))
def test_each_kind_is_named(history, fault, kind):
    before = copy.deepcopy(history)
    fault(history)
    assert history != before
    found = violations(history)
    assert {violation.kind for violation in found} == {kind}, found
    assert all(violation.text for violation in found)


def test_every_kind_has_a_test():
    pytestmark = next(mark for mark in test_each_kind_is_named.pytestmark if mark.name == "parametrize")
    assert {kind for _, kind in pytestmark.args[1]} == set(KINDS)


def test_redis_excuses_a_missing_location(history):
    attempt(history, "silent").answers[0].location = ""
    history.incidents.append(Incident("kill", "redis", 13, 15))
    assert violations(history) == []


def test_a_report_can_be_read(history, tmp_path):
    attempt(history, "plain").answers[0].body = b"x" * 5000
    history.write(tmp_path / "history.json")
    report = json.loads((tmp_path / "history.json").read_text())
    assert "SHA-256" in report["attempts"][0]["answers"][0]["body"]
    assert report["requests"][0]["replies"][0]["value"] == body("plain")
