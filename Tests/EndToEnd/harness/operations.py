"""What tests of keys and late answers look at: the records of one request, and its operation."""

import itertools
import uuid

from .processes import wait_until
from .stack import Stack

CREATE = "vy-finance-payments.payment-intents.create"
_numbers = itertools.count()


def new_user() -> str:
    """A user of its own makes a test's records tellable from all others."""
    return f"op-{next(_numbers)}-{uuid.uuid4().hex[:8]}"


def key(value: str | None = None) -> dict:
    return {"Idempotency-Key": value or uuid.uuid4().hex}


def sent(stack: Stack, user: str) -> list[dict]:
    """The request records of a user."""
    return [record for record in stack.kafka.records(CREATE, last=400) if f'"{user}"' in (record["payload"] or "")]


def pending(location: str) -> bytes:
    return b'{"id":"%s","status":"pending"}' % location.removeprefix("/operations/").encode()


def late_answer(stack: Stack, location: str, seconds: float = 8, **extra):
    """The answer at an operation once there is one."""

    def answered():
        answer = stack.get(location, **extra)
        return None if answer.body == pending(location) else answer

    return wait_until(answered, seconds, f"an answer at {location}", 0.05)
