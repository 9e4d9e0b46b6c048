"""librdkafka's mock cluster (Tests/Chaos/mock_broker.py), which fails as it is told."""

import socket
import sys
from pathlib import Path

from .processes import Process, wait_until
from .stack import ROOT

#: Of bridges at the mock cluster.
SETTINGS = {"KAFKA_FETCH_WAIT": 5, "KAFKA_PROPERTY_SESSION_TIMEOUT_MS": 6000}


def process(folder: Path, topics: dict[str, int]) -> Process:
    """`topics`: each with its number of partitions."""
    words = [f"{topic}:{partitions}" for topic, partitions in topics.items()]
    return Process("mock", [sys.executable, ROOT / "Tests/Chaos/mock_broker.py", folder, *words], folder)


def bootstrap(folder: Path) -> str:
    """Waits until it listens."""
    return wait_until(lambda: (path := folder / "bootstrap").exists() and path.read_text(), 20, "the mock cluster")


def tell(folder: Path, *words: str | int) -> None:
    """A command of mock_broker.py."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.settimeout(5)
        control.connect(str(folder / "control"))
        control.sendall((" ".join(map(str, words)) + "\n").encode())
        assert control.recv(10) == b"ok\n"
