"""The checker: names everything in a history that must not be. Pure; it knows clients' answers and Kafka, not the gateway."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass

from .history import Answer, Attempt, Fetch, History, Listener, Reply, Request, Update

#: What each kind of violation means. The order is that of a report.
KINDS = {
    "no-answer": "a request has no terminal answer, and its edge was neither killed nor stopped",
    "two-answers": "a request has more than one terminal answer",
    "unexpected-answer": "an answer that nothing in this load explains",
    "not-sent-but-sent": "a client was told `not_sent`, and the message is in Kafka",
    "key-sent-twice": "one Idempotency-Key has more than one message",
    "foreign-reply": "a client has an answer that is not of its own request",
    "unknown-not-fetchable": "the reply to a request of unknown outcome is in Kafka, and the client cannot get it",
    "replay-differs": "one Idempotency-Key, or one operation, has different answers",
    "update-missing": "a status update did not reach a client of its user",
    "update-twice": "a status update reached a client more than once",
    "update-out-of-order": "a status update reached a client before an earlier one",
    "update-of-another": "a status update reached a client of another user, or is in no topic",
    "not-recovered": "a client had to begin anew although all that it missed was there",
    "process": "a process ended, hung or did not become ready, and no fault explains it",
}
#: How much (s) before and after a fault its effects may be seen.
SLACK = 0.5


@dataclass(frozen=True)
class Violation:
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def violations(history: History) -> list[Violation]:
    found = _Checker(history).all()
    order = list(KINDS)
    return sorted(found, key=lambda violation: order.index(violation.kind))


class _Checker:
    def __init__(self, history: History):
        self.history = history
        self.found: list[Violation] = []
        self.attempts = {attempt.id: attempt for attempt in history.attempts}
        assert len(self.attempts) == len(history.attempts), "two attempts have one id"
        self.by_request_id: dict[str, list[Request]] = defaultdict(list)
        self.by_key: dict[tuple[str, str, str], list[Request]] = defaultdict(list)
        self.by_correlation: dict[str, Request] = {}
        for request in history.requests:
            self.by_request_id[request.request_id].append(request)
            self.by_correlation[request.correlation] = request
            if request.key:
                self.by_key[request.user, request.topic, request.key].append(request)

    def all(self) -> list[Violation]:
        for attempt in self.history.attempts:
            self.terminal_answers(attempt)
            self.not_sent(attempt)
            self.own_reply(attempt)
        self.keys()
        for fetch in self.history.fetches:
            self.fetched(fetch)
        self.unknown_keys()
        self.unknown_without_location()
        self.same_answers()
        for listener in self.history.listeners:
            self.listener(listener)
        for complaint in self.history.complaints:
            self.note("process", complaint)
        return self.found

    def note(self, kind: str, text: str) -> None:
        assert kind in KINDS
        self.found.append(Violation(kind, text))

    # Requests

    def terminal_answers(self, attempt: Attempt) -> None:
        if len(attempt.answers) > 1:
            self.note("two-answers", f"{_name(attempt)} has {len(attempt.answers)}: {', '.join(map(_brief, attempt.answers))}")
        if not attempt.answers and attempt.gave_up != "cut" and not self.is_excused(attempt):
            self.note("no-answer", f"{_name(attempt)}: {attempt.gave_up} after {attempt.ended - attempt.began:.2f} s")

    def is_excused(self, attempt: Attempt) -> bool:
        """Whether its edge was killed or told to stop meanwhile; silence is excused by nothing."""
        return attempt.gave_up == "lost" and any(
            incident.target == attempt.edge and incident.kind in ("kill", "stop")
            and incident.began - SLACK <= attempt.ended and attempt.began <= incident.ended + SLACK
            for incident in self.history.incidents)

    def not_sent(self, attempt: Attempt) -> None:
        for answer in attempt.answers:
            if answer.outcome == "not_sent":
                for request in self.by_request_id[attempt.id]:
                    self.note("not-sent-but-sent", f"{_name(attempt)} was told {_brief(answer)}; its message is {request.correlation}")

    def own_reply(self, attempt: Attempt) -> None:
        for answer in attempt.answers:
            if not answer.is_from_service:
                if answer.status not in (202, 409, 429, 503, 504):
                    self.note("unexpected-answer", f"{_name(attempt)}: {_brief(answer)}")
                continue
            requests = self.requests_of(attempt)
            if not requests:
                self.note("foreign-reply", f"{_name(attempt)} has {_brief(answer)}, and no message")
            elif not any(_is_answer(answer, request, attempt.operation) for request in requests):
                self.note("foreign-reply", f"{_name(attempt)} has {_brief(answer)}; its replies are {_replies(requests)}")
            elif (owner := _other_owner(answer, attempt)) is not None:
                self.note("foreign-reply", f"{_name(attempt)} has the answer for {owner}")

    def requests_of(self, attempt: Attempt) -> list[Request]:
        """Its messages; a request with a key may be answered by an earlier one's."""
        if attempt.key:
            return self.by_key[attempt.user, attempt.operation, attempt.key]
        return self.by_request_id[attempt.id]

    def keys(self) -> None:
        for (user, topic, key), requests in self.by_key.items():
            if len(requests) > 1:
                ids = ", ".join(f"{request.correlation} of {request.request_id}" for request in requests)
                self.note("key-sent-twice", f"key {key} of {user} at {topic}: {ids}")

    # Late answers

    def fetched(self, fetch: Fetch) -> None:
        attempt = self.attempts[fetch.attempt]
        name = f"{fetch.location} of {_name(attempt)}"
        request = self.by_correlation.get(fetch.operation)
        if fetch.others != 404:
            self.note("foreign-reply", f"{name}: another caller gets {fetch.others}")
        if fetch.answer.outcome == "not_sent" and request is not None and fetch.answer.status == 503 \
                and not fetch.answer.problem.get("type", "").endswith("operations-unavailable"):
            self.note("not-sent-but-sent", f"{name} says {_brief(fetch.answer)}; its message is {request.correlation}")
        elif request is None or not _terminal(request.replies):
            # Nothing has to be there, unless it is the last value of a stream without an end.
            if fetch.answer.is_from_service and not fetch.is_pending \
                    and not (request is not None and _is_answer(fetch.answer, request, attempt.operation)):
                self.note("foreign-reply", f"{name} is {_brief(fetch.answer)}, and there is no reply")
        elif fetch.is_pending or not fetch.answer.is_from_service:
            self.note("unknown-not-fetchable", f"{name} is {_brief(fetch.answer)}; its replies are {_replies([request])}")
        elif not _is_answer(fetch.answer, request, attempt.operation):
            self.note("foreign-reply", f"{name} is {_brief(fetch.answer)}; its replies are {_replies([request])}")

    def unknown_keys(self) -> None:
        """Clients with a key go on until they have the service's answer, when all is well again at the latest."""
        answered = {
            (attempt.user, attempt.operation, attempt.key) for attempt in self.history.attempts
            if any(answer.is_from_service for answer in attempt.answers)}
        last = {(attempt.user, attempt.operation, attempt.key): attempt for attempt in self.history.attempts}
        for what, requests in self.by_key.items():
            if what not in answered and any(_terminal(request.replies) for request in requests):
                attempt = last.get(what)
                told = "was never asked for" if attempt is None else f"in the end has {_brief(attempt.answer) if attempt.answer else attempt.gave_up}"
                self.note("unknown-not-fetchable", f"key {what[2]} of {what[0]} {told}; its replies are {_replies(requests)}")

    def unknown_without_location(self) -> None:
        """Redis alone excuses that a client is not told where the late answer will be. Over a socket there are no operations."""
        for attempt in self.history.attempts:
            for answer in attempt.answers:
                if answer.status == 504 and not answer.location and not attempt.edge.startswith("edge-ws") and not any(
                        incident.target == "redis" and incident.began - SLACK <= answer.at and attempt.began <= incident.ended + 3
                        for incident in self.history.incidents):
                    self.note("unknown-not-fetchable", f"{_name(attempt)} was told {_brief(answer)} without a Location")

    def same_answers(self) -> None:
        """All answers for one key are the same bytes, and so is what its operation has."""
        groups: dict[tuple, list[tuple[str, Answer]]] = defaultdict(list)
        operations: dict[str, tuple] = {}
        for attempt in self.history.attempts:
            what = (attempt.user, attempt.operation, attempt.key) if attempt.key else (attempt.id,)
            groups[what] += [(attempt.id, answer) for answer in attempt.answers if answer.is_from_service]
            operations |= {answer.location: what for answer in attempt.answers if answer.location}
        for fetch in self.history.fetches:
            if fetch.answer.is_from_service and not fetch.is_pending:
                groups[operations.get(fetch.location, (fetch.attempt,))].append((fetch.location, fetch.answer))
        for what, answers in groups.items():
            for name, answer in answers[1:]:
                first_name, first = answers[0]
                if (answer.status, answer.type, answer.body) != (first.status, first.type, first.body):
                    self.note("replay-differs", f"{' '.join(what)}: {first_name} has {_brief(first)}, {name} has {_brief(answer)}")

    # Status updates

    def listener(self, listener: Listener) -> None:
        name = f"{listener.client} of {listener.user}"
        for complaint in listener.complaints:
            self.note("unexpected-answer", f"{name}: {complaint}")
        for at, recovered in listener.connects[1:]:
            if not recovered:
                self.note("not-recovered", f"{name} at {at:.3f}")
        expected = {update.text: update for update in self.history.updates if update.user == listener.user}
        counts = Counter(update.text for update in listener.updates)
        for text, count in counts.items():
            if text not in expected:
                self.note("update-of-another", f"{name}: {text}")
            elif count > 1:
                self.note("update-twice", f"{name}, {count} times: {text}")
        for text, update in expected.items():
            if text not in counts:
                self.note("update-missing", f"{name}: {text} (partition {update.partition}, offset {update.offset})")
        last: dict[int, Update] = {}
        for text in dict.fromkeys(update.text for update in listener.updates):
            if (update := expected.get(text)) is None:
                continue
            before = last.get(update.partition)
            if before is not None and before.offset > update.offset:
                self.note("update-out-of-order", f"{name}: {before.text} came before {text}")
            last[update.partition] = update


def _terminal(replies: list[Reply], *, unended: bool = False) -> list[Reply]:
    """The ends of a request's replies; a request that the service had twice has two. `unended`: with the last value of a stream whose end is lost,
    which is the answer at the deadline."""
    ends: list[Reply] = []
    last: Reply | None = None
    for reply in replies:
        if reply.error is not None:
            ends.append(reply)
        elif reply.is_last:
            # A null with the end mark after a value only ends the stream.
            ends.append(last if reply.value is None and last is not None else reply)
        last = None if reply.is_last or reply.error is not None else reply
    return [*ends, last] if unended and last is not None else ends


def _is_answer(answer: Answer, request: Request, operation: str) -> bool:
    return request.topic == operation and any(_matches(answer, reply) for reply in _terminal(request.replies, unended=True))


def _matches(answer: Answer, reply: Reply) -> bool:
    if reply.error is not None:
        return answer.outcome == "answered" and answer.status == _status(reply.error)
    if answer.status not in (200, 201):
        return False
    if reply.value is None:
        return answer.body == b"null"
    if reply.value[:1] in ("{", "["):
        return answer.body == reply.value.encode()
    return json.loads(answer.body) == reply.value


def _status(error: str) -> int:
    try:
        document = json.loads(error)
    except ValueError:
        return 502
    for name in ("statusCode", "status"):
        status = document.get(name) if isinstance(document, dict) else None
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return 502


def _other_owner(answer: Answer, attempt: Attempt) -> str | None:
    """Whose answer it is by what the service sent back, unless it is the attempt's own or names nobody."""
    try:
        document = json.loads(answer.body)
        owner = document["id"] if attempt.subject else document["metadata"]["token"]
    except (ValueError, KeyError, TypeError):
        return None
    return None if answer.status >= 400 or owner == (attempt.subject or attempt.token) else str(owner)


def _name(attempt: Attempt) -> str:
    key = f", key {attempt.key}" if attempt.key else ""
    return f"{attempt.id} ({attempt.operation} of {attempt.user} at {attempt.edge}{key})"


def _brief(answer: Answer) -> str:
    text = answer.body.decode(errors="replace")
    return f"{answer.status} {text[:160]}" + ("..." if len(text) > 160 else "")


def _replies(requests: list[Request]) -> str:
    return "; ".join(str(reply)[:200] for request in requests for reply in request.replies) or "none"
