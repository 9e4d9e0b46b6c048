"""Updates of one thing that come twice or in the wrong order, told by a field of theirs."""

import json
import uuid

import pytest
from harness import bridges
from harness.processes import wait_until

TOPIC = "e2e-versions"


@pytest.fixture(scope="module")
def bridge(whole_stack):
    """A bridge of its own, for a topic of its own."""
    stack = whole_stack
    stack.kafka.produce(TOPIC, b"{}", key="first")
    with bridges.bridge(stack, "versions", KAFKA_STATUS_TOPICS=json.dumps([TOPIC]), STATUS_VERSION_FIELD="v") as process:
        process.wait_log("status partitions assigned", 40)
        yield process


def pushed(stack, user: str) -> list:
    """What is in the user's history, in order."""
    lines = stack.redis_cli("--json", "xrange", f"vy:user:{{{user}}}:history", "-", "+")
    return [json.loads(fields[fields.index("data") + 1]) for _, fields in json.loads(lines)]


def produce(stack, user: str, *updates: dict) -> list:
    """The last one is followed by one without version, whose arrival says that all others have been looked at."""
    mark = uuid.uuid4().hex
    for update in (*updates, {"mark": mark}):
        stack.kafka.produce(TOPIC, json.dumps({"userId": user, **update}).encode(), key=user)
    wait_until(lambda: any(update.get("mark") == mark for update in pushed(stack, user)), 20, "the mark")
    return [update["n"] for update in pushed(stack, user) if "n" in update]


def new_user() -> str:
    return f"versions-{uuid.uuid4().hex[:8]}"


def test_what_is_not_later_is_passed_over(stack, bridge):
    user = new_user()
    updates = [{"id": user, "v": version, "n": number} for number, version in enumerate([1, 2, 2, 1, 10, 9, 11, 11])]
    assert produce(stack, user, *updates) == [0, 1, 4, 6]
    assert produce(stack, user, {"id": user, "v": 5, "n": 8}, {"id": user, "v": "12", "n": 9}) == [0, 1, 4, 6, 9], "also later on"


def test_versions_are_each_things_own(stack, bridge):
    user = new_user()
    assert produce(stack, user, {"id": user + "a", "v": 5, "n": 0}, {"id": user + "b", "v": 1, "n": 1}, {"id": user + "a", "v": 4, "n": 2}) == [0, 1]
    assert produce(stack, user, {"v": 2, "n": 3}, {"v": 1, "n": 4}) == [0, 1, 3], "without an id the key counts"


def test_times_are_versions_too(stack, bridge):
    user = new_user()
    times = ["2026-11-25T13:00:00Z", "2026-11-25T13:00:00.5Z", "2026-11-25T13:00:00.25Z", "2026-11-25T15:00:01+02:00", "2026-11-25T13:00:01Z"]
    updates = [{"id": user, "v": time, "n": number} for number, time in enumerate(times)]
    # The last two are of the same time, and two different updates.
    assert produce(stack, user, *updates, updates[-1]) == [0, 1, 3, 4]


def test_what_has_no_version_is_pushed(stack, bridge):
    user = new_user()
    assert produce(stack, user, {"id": user, "v": 9, "n": 0}, {"id": user, "n": 1}, {"id": user, "v": "soon", "n": 2}, {"id": user, "v": None, "n": 3}) == [0, 1, 2, 3]


def test_what_was_passed_over_is_counted_and_committed(stack, bridge):
    user = new_user()
    produce(stack, user, {"id": user, "v": 2, "n": 0}, {"id": user, "v": 1, "n": 1})
    bridge.terminate()
    assert bridge.wait(10) == 0
    assert int(bridge.summary()["statusSuperseded"]) >= 1
    bridge.start()
    bridge.wait_log("status partitions assigned", 40)
    assert produce(stack, user) == [0], "nothing comes again"
    assert int(stack.redis_cli("pttl", *stack.redis_cli("keys", f"vy:version:{TOPIC}:*").split()[:1])) > 80_000_000
