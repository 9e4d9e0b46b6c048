"""What a round leaves behind: what clients did and were told, what is in Kafka, and which faults there were."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Answer:
    """One HTTP answer, or the acknowledgement of an event, whose body is then compact JSON."""

    at: float
    status: int
    body: bytes
    type: str = ""
    location: str = ""
    replayed: bool = False

    @property
    def problem(self) -> dict:
        """The problem document; empty for any other body."""
        if self.status < 400:
            return {}
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def outcome(self) -> str:
        return str(self.problem.get("outcome", ""))

    @property
    def is_from_service(self) -> bool:
        """Whether the service answered, maybe with an error."""
        return self.status in (200, 201) or self.outcome == "answered"


@dataclass
class Attempt:
    """One request of one client. `id` is its x-request-id, or for an event its token."""

    id: str
    #: Unique to what the client wants; it is in the body, and the service sends it back. Further attempts have the same.
    token: str
    user: str
    edge: str
    operation: str
    began: float
    key: str = ""
    #: The payment that it is about, if there is one already; the service's answer names it.
    subject: str = ""
    #: How the service is told to answer.
    reply: str = ""
    answers: list[Answer] = field(default_factory=list)
    #: Why the client stopped waiting without an answer: `lost` (the connection), `cut` (by the client itself) or `silence`.
    gave_up: str = ""
    ended: float = 0

    @property
    def answer(self) -> Answer | None:
        return self.answers[0] if self.answers else None


@dataclass
class Fetch:
    """What was at an operation in the end."""

    location: str
    #: The attempt that was told of it.
    attempt: str
    answer: Answer
    #: Status of the same request by another caller.
    others: int = 404

    @property
    def is_pending(self) -> bool:
        return self.answer.status == 200 and self.answer.body == b'{"id":"%s","status":"pending"}' % self.operation.encode()

    @property
    def operation(self) -> str:
        return self.location.rsplit("/", 1)[-1]


@dataclass
class Delivered:
    """One status update that a client was given."""

    at: float
    text: str
    offset: str = ""


@dataclass
class Listener:
    """A socket client over the whole round."""

    client: str
    user: str
    #: The time of each CONNECT reply, and whether the connection was recovered.
    connects: list[tuple[float, bool]] = field(default_factory=list)
    updates: list[Delivered] = field(default_factory=list)
    #: What no client should meet.
    complaints: list[str] = field(default_factory=list)


@dataclass
class Request:
    """A record of a request topic."""

    correlation: str
    request_id: str
    token: str
    user: str
    key: str
    topic: str
    #: In the order in which they are in the reply topic.
    replies: list["Reply"] = field(default_factory=list)


@dataclass
class Reply:
    value: str | None
    error: str | None = None
    is_last: bool = True


@dataclass
class Update:
    """A record of a status topic."""

    partition: int
    offset: int
    user: str
    text: str


@dataclass
class Incident:
    """A fault as it happened; it is over when its process works again."""

    kind: str
    target: str
    began: float
    ended: float


@dataclass
class History:
    seed: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    #: What processes did that no fault explains.
    complaints: list[str] = field(default_factory=list)

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(dataclasses.asdict(self), default=_text, indent=1))


def _text(body: bytes) -> str:
    text = body.decode(errors="replace")
    return text if len(text) <= 2000 else f"{text[:200]}... {len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}"
