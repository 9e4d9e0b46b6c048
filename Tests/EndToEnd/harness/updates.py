"""Status updates as the bridge hands them to Redis, without Kafka in between: by the bridge's own script."""

import json
import re

from .redis import Redis
from .stack import ROOT

EVENT = "payment-status-update"
_source = (ROOT / "Sources/bridge-kafka/Status/StatusStore.swift").read_text()
SCRIPT = re.search(r'appendScript =\s*"""(.*?)"""', _source, re.DOTALL).group(1) + "return id"
HISTORY_LIMIT, HISTORY_TTL = 100, 86_400_000


class Updates:
    """Publishes over one connection; `partition` is where a bridge would have them from, and has one publisher."""

    def __init__(self, redis: Redis, partition: str):
        self.redis, self.partition, self._offset = redis, partition, 0

    def publish(self, user: str, *data: dict) -> None:
        """All of them are in Redis, and on their way, when this returns."""
        replies = self.redis.pipeline([self._command(user, value) for value in data])
        assert None not in replies, "Redis has seen these offsets before"

    def _command(self, user: str, data: dict) -> tuple:
        self._offset += 1
        keys = (f"vy:offset:{self.partition}", f"vy:user:{{{user}}}:history", f"vy:user:{{{user}}}:updates")
        return (
            "EVAL", SCRIPT, len(keys), *keys, self._offset, HISTORY_LIMIT, HISTORY_TTL, EVENT, json.dumps(EVENT),
            json.dumps(data, separators=(",", ":")))
