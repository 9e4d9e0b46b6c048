"""The stack under test: two bridges, two replicas of each edge, and servers that lose nothing which they have acknowledged."""

import time
from pathlib import Path

from harness import mock_cluster
from harness.extra import SECRET
from harness.fleet import Fleet
from harness.kafka import Kafka
from harness.processes import Process, ProcessFailure, wait_until

#: Time (s) that a process gets to start on a busy machine.
START = 60.0
TOPICS = ["payment-status-update", *(f"vy-finance-payments.{name}" for name in (
    "payment-intents.create", "payment-intents.get", "payment-intents.ztracking", "payment-intents.confirm", "refunds.create", "payment-refunds.get",
    "payment-methods.create", "payment-methods.get", "payment-methods.delete"))]

SETTINGS = {
    # Callers are told apart by their tokens. One of these callers sends less than the limit, but its retries must not meet it.
    "AUTH_JWT_SECRET": SECRET, "RATE_LIMIT_CALLER": 0,
    # No freeze lasts until a peer is given up for its silence: a client would have to be told why it lost an answer.
    "WS_PING_INTERVAL": 3000, "WS_PING_TIMEOUT": 12_000, "WS_DRAIN_TIME": 1000, "HTTP_IDLE_TIMEOUT": 300_000,
    "SHUTDOWN_TIMEOUT": 4000, "KAFKA_REPLY_TIMEOUT": 3000, "KAFKA_REPLY_TIMEOUT_MAX": 60_000, "KAFKA_SEND_TIMEOUT": 3000, "STATUS_VERSION_FIELD": "version",
}


class ChaosStack(Fleet):
    """`mock`: the broker is librdkafka's mock cluster, which can be told to fail and loses everything when it ends."""

    def __init__(self, name: str = "chaos", *, bridges: int = 2, replicas: int = 2, mock: bool = False, shared: bool = True):
        self.mock_folder: Path | None = None
        super().__init__(
            name, bridges=bridges, https=replicas, replicas=replicas, shared=shared,
            settings=SETTINGS | (mock_cluster.SETTINGS if mock else {}))
        if mock:
            self.mock_folder = self.folder / "mock"
            topics = dict.fromkeys(TOPICS, 4) | {"vy-gateway.reply": 8, "vy-gateway.dead-letter": 1}
            self.own_broker = mock_cluster.process(self.mock_folder, topics)
            self.demo.command += ["--fetch-wait-ms", "5"]

    def start(self) -> "ChaosStack":
        """Without nginx: clients choose their replicas."""
        self._make_folders()
        for process in self.processes:
            process.start()
            if process is self.own_broker and self.mock_folder is not None:
                self._find_mock(self.mock_folder)
            self.wait_started(process, START)
        self.wait_all_ready(START)
        return self

    def _find_mock(self, folder: Path) -> None:
        bootstrap = mock_cluster.bootstrap(folder)
        self.kafka = Kafka(bootstrap)
        for process in (self.demo, *self.own):
            process.env["KAFKA_BROKER"] = bootstrap

    def tell_mock(self, *words: str | int) -> None:
        """A command of mock_broker.py."""
        mock_cluster.tell(self.mock_folder, *words)

    def producers(self) -> list[Process]:
        """Those that write to the broker."""
        return [*self.bridges, self.demo]

    def successor(self, bridge: Process) -> Process:
        """A second bridge on the same socket, which is started and then takes the first one's place."""
        process = Process(bridge.name, bridge.command, bridge.folder, {**bridge.env, "BRIDGE_ADMIN_PORT": 0})
        process.start()
        process.wait_log("listening")
        self.admin[bridge.name] = int(process.wait_log("admin listening")["port"])
        self.bridges[self.bridges.index(bridge)] = process
        return process

    def wait_until_well(self, seconds: float) -> list[str]:
        """Waits until all is ready; a sentence for each process that is not."""
        end = time.monotonic() + seconds
        complaints = []
        for process in self.own:
            try:
                self.wait_ready(process, max(0.1, end - time.monotonic()))
            except ProcessFailure as failure:
                complaints.append(str(failure))
        return complaints
