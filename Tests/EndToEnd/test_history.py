"""The checker of the restart test sees each way in which a history can be wrong."""

import random

import pytest
from harness.history import History, Update, faults

PRODUCED = {"a": list(range(1, 21)), "b": list(range(1, 6)), "c": []}


def whole() -> list[History]:
    return [History(f"{user}-{n}", user, [Update(user, number) for number in PRODUCED[user]]) for user in PRODUCED for n in (1, 2)]


def test_whole_histories_have_no_fault():
    assert faults(PRODUCED, whole()) == []


@pytest.mark.parametrize("at", [0, 9, 19])
def test_a_dropped_update(at):
    histories = whole()
    del histories[1].updates[at]
    assert faults(PRODUCED, histories) == [f"a-2 of user a: update {at + 1} dropped"]


def test_all_dropped_from_one_on():
    histories = whole()
    del histories[2].updates[2:]
    assert faults(PRODUCED, histories) == [f"b-1 of user b: update {number} dropped" for number in (3, 4, 5)]


def test_a_client_that_got_nothing():
    assert len(faults(PRODUCED, [History("a-1", "a")])) == 20


@pytest.mark.parametrize("again", [10, 11, 20])
def test_a_doubled_update(again):
    """At once, later, and at the end."""
    histories = whole()
    histories[0].updates.insert(again, Update("a", 10))
    assert faults(PRODUCED, histories) == ["a-1 of user a: update 10 came 2 times"]


@pytest.mark.parametrize("at", [0, 9, 18])
def test_swapped_updates(at):
    histories = whole()
    updates = histories[0].updates
    updates[at], updates[at + 1] = updates[at + 1], updates[at]
    assert faults(PRODUCED, histories) == [f"a-1 of user a: update {at + 2} came before {at + 1}"]


def test_a_late_update():
    """One that comes after all others is a fault as well, not a drop."""
    histories = whole()
    histories[0].updates.append(histories[0].updates.pop(3))
    assert faults(PRODUCED, histories) == ["a-1 of user a: update 20 came before 4"]


def test_an_update_of_another_user():
    """Also when that user's number is the one that is due."""
    histories = whole()
    histories[0].updates.insert(4, Update("b", 5))
    assert faults(PRODUCED, histories) == ["a-1 of user a: got update 5 of user b"]
    histories = whole()
    histories[0].updates[4] = Update("b", 5)
    assert faults(PRODUCED, histories) == ["a-1 of user a: got update 5 of user b", "a-1 of user a: update 5 dropped"]


def test_an_update_that_was_never_produced():
    histories = whole()
    histories[5].updates.append(Update("c", 1))
    assert faults(PRODUCED, histories) == ["c-2 of user c: update 1 was never produced"]


def test_no_single_change_goes_unseen():
    chance = random.Random(3)
    for _ in range(500):
        histories = whole()
        updates = chance.choice([history for history in histories if history.updates]).updates
        at = chance.randrange(len(updates))
        match chance.choice(["drop", "double", "swap", "foreign"]):
            case "drop":
                del updates[at]
            case "double":
                updates.insert(chance.randrange(len(updates) + 1), updates[at])
            case "swap":
                other = (at + chance.randrange(1, len(updates))) % len(updates)
                updates[at], updates[other] = updates[other], updates[at]
            case "foreign":
                updates.insert(at, Update("b" if updates[at].user == "a" else "a", updates[at].number))
        assert faults(PRODUCED, histories) != []
