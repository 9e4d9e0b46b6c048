"""What clients were sent, held against what was produced for their users."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Update:
    """One update of one user; its number says which of them."""

    user: str
    number: int


@dataclass
class History:
    """All that one client was given, in the order in which it was given."""

    client: str
    user: str
    updates: list[Update] = field(default_factory=list)


def faults(produced: dict[str, list[int]], histories: list[History]) -> list[str]:
    """A sentence for each thing that is not as it must be: every client has each update of its user, once, in the order
    in which it was produced, and none of another user. `produced` has the numbers of each user in their order."""
    return [fault for history in histories for fault in _faults(produced.get(history.user, []), history)]


def _faults(expected: list[int], history: History) -> list[str]:
    who = f"{history.client} of user {history.user}"
    found = [f"{who}: got update {update.number} of user {update.user}" for update in history.updates if update.user != history.user]
    own = [update.number for update in history.updates if update.user == history.user]
    counts = Counter(own)
    place = {number: index for index, number in enumerate(expected)}
    found += [f"{who}: update {number} was never produced" for number in counts if number not in place]
    found += [f"{who}: update {number} dropped" for number in expected if number not in counts]
    found += [f"{who}: update {number} came {count} times" for number, count in counts.items() if count > 1]
    once = list(dict.fromkeys(number for number in own if number in place))
    found += [f"{who}: update {later} came before {earlier}" for later, earlier in zip(once, once[1:]) if place[later] > place[earlier]]
    return found
