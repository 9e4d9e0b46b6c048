"""What is in Kafka: every message, every reply and every status update, from the beginning."""

import contextlib
import json
import re
import subprocess
import time

from harness.kafka import Kafka

from .callers import CONFIRM, CREATE
from .history import Reply, Request, Update
from .sockets import EVENT, canonical

REPLIES = "vy-gateway.reply"
#: kcat gives a broker up for which a busy machine had no time.
TRIES = 5
TOKEN = re.compile(r'"token":"([^"]+)"')


def _records(kafka: Kafka, topic: str) -> list[dict]:
    for _ in range(TRIES - 1):
        with contextlib.suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return kafka.records(topic)
        time.sleep(1)
    return kafka.records(topic)


def read_requests(kafka: Kafka) -> list[Request]:
    requests: list[Request] = []
    by_correlation: dict[str, Request] = {}
    for topic in (CREATE, CONFIRM):
        for record in _records(kafka, topic):
            headers, found = record["headers"], TOKEN.search(record["payload"] or "")
            token = found[1] if found else ""
            request_id = headers.get("x-request-id", "")
            # Over a socket the edge makes the request's id, and each token is asked for once.
            if not request_id.startswith(token + "."):
                request_id = token
            request = Request(
                headers.get("kafka_correlationId", ""), request_id, token, headers.get("x-user-id", ""), headers.get("idempotency-key", ""), topic)
            requests.append(request)
            by_correlation[request.correlation] = request
    for record in _records(kafka, REPLIES):
        headers = record["headers"]
        if (request := by_correlation.get(headers.get("kafka_correlationId", ""))) is not None:
            request.replies.append(Reply(record["payload"], headers.get("kafka_nest-err"), "kafka_nest-is-disposed" in headers))
    return requests


def read_updates(kafka: Kafka) -> list[Update]:
    """Those that have to reach their users: of one thing only what is later than all before it (STATUS_VERSION_FIELD)."""
    updates, versions = [], {}
    for record in sorted(_records(kafka, EVENT), key=lambda record: (record["partition"], record["offset"])):
        update = json.loads(record["payload"])
        if update["version"] > versions.get(update["id"], 0):
            versions[update["id"]] = update["version"]
            updates.append(Update(record["partition"], record["offset"], update["userId"], canonical(record["payload"])))
    return updates
