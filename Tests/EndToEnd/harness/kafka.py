"""The broker as seen from outside, by kcat."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator


class Kafka:
    def __init__(self, broker: str):
        self.broker = broker

    def _kcat(self, *words: str, timeout: float = 60) -> bytes:
        return subprocess.run(
            ["kcat", "-b", self.broker, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=True).stdout

    def answers(self) -> bool:
        try:
            self._kcat("-L", "-m", "2")
            return True
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False

    def topics(self) -> dict[str, int]:
        """Each topic with its number of partitions."""
        metadata = json.loads(self._kcat("-L", "-J"))
        return {topic["topic"]: len(topic["partitions"]) for topic in metadata["topics"]}

    def records(self, topic: str, last: int | None = None) -> list[dict]:
        """Every record of a topic, or the last ones of each partition: key, payload (text), headers (dict), partition, offset."""
        if topic not in self.topics():
            return []
        start = "beginning" if last is None else str(-last)
        lines = self._kcat("-C", "-t", topic, "-o", start, "-e", "-q", "-J").splitlines()
        records = [json.loads(line.decode(errors="replace")) for line in lines]
        for record in records:
            pairs = record.get("headers") or []
            record["headers"] = dict(zip(pairs[::2], pairs[1::2]))
        return records

    def produce(self, topic: str, value: bytes, *, key: str | None = None, headers: dict[str, str] | None = None) -> None:
        words = ["-P", "-t", topic]
        if key is not None:
            words += ["-k", key]
        for name, text in (headers or {}).items():
            words += ["-H", f"{name}={text}"]
        with tempfile.NamedTemporaryFile() as file:  # kcat sends a file as one message, but splits its input
            file.write(value)
            file.flush()
            self._kcat(*words, file.name)

    @contextlib.contextmanager
    def producer(self, topic: str, *, quiet: bool = False) -> Iterator[Callable[[str, bytes], None]]:
        """Sends records, key and value, of one line each; all are with the broker at the end. `quiet`: says nothing when it loses the broker."""
        words = ["-P", "-t", topic, "-K", "\t", "-X", "enable.idempotence=true", "-X", "queue.buffering.max.ms=1"]
        with subprocess.Popen(["kcat", "-b", self.broker, *words], stdin=subprocess.PIPE, bufsize=0,
                              stderr=subprocess.DEVNULL if quiet else None) as child:

            def send(key: str, value: bytes) -> None:
                child.stdin.write(key.encode() + b"\t" + value + b"\n")

            yield send
            child.stdin.close()
            assert child.wait(10) == 0, "records were not taken"
