"""The processes of the whole chain: redis-server, broker, a light service, the bridge and edge-http, and a bare echo beside them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from harness.http import request  # noqa: E402
from harness.processes import Process, free_port, wait_until  # noqa: E402

TOPIC, PATH = "bench.requests", "/bench/payments"
BODY = json.dumps({"amount": 1999, "currency": "usd"}).encode()
TICKS = os.sysconf("SC_CLK_TCK")


def build(folder: Path, name: str, *libraries: str) -> Path:
    """A driver of this folder: `kafka` uses librdkafka alone, `rate` sends HTTP requests at a constant rate."""
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"]
    subprocess.run([os.environ.get("CC", "gcc"), *flags, "-o", folder / name, HERE / f"{name}.c", *libraries], check=True)
    return folder / name


def write_services(folder: Path, routes: int) -> None:
    """The operation that is measured, and others beside it so that there are `routes` in all."""
    folder.mkdir()
    text = (HERE / "service.yaml").read_text()
    (folder / "bench.yaml").write_text(text)
    document = yaml.safe_load(text)
    [operation] = document["paths"].values()
    document["paths"] = {f"{PATH}/other-{number}": operation for number in range(routes - 1)}
    if routes > 1:
        (folder / "others.yaml").write_text(json.dumps(document))


def cpu_seconds(process: Process) -> float:
    """User and system time since its start."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Chain:
    def __init__(self, folder: Path, binaries: Path, noida_db: str, settings: dict[str, str], routes: int = 1):
        self.folder = folder
        self.program, self.rate = build(folder, "kafka", "-lrdkafka"), build(folder, "rate")
        self.broker, redis = f"127.0.0.1:{free_port()}", free_port()
        services = folder / "services"
        write_services(services, routes)
        (folder / "data").mkdir()
        common = {
            "NODE_ENV": "test", "LOG_STREAM_LEVEL": "warn", "ADMIN_HOST": "127.0.0.1", "BRIDGE_SOCKET": folder / "bridge.sock",
            "KAFKA_BROKER": self.broker, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": redis, **settings}
        self.redis = self._process("redis", ["redis-server", "--bind", "127.0.0.1", "--port", redis, "--dir", folder, "--save", "", "--appendonly", "no"])
        self.noida = self._process("broker", [
            noida_db, "start", "--only", "kafka", "--host", "127.0.0.1", "--kafka-port", self.broker.rpartition(":")[2], "--data-dir", folder / "data"])
        self.service = self._process("service", [self.program, "responder", self.broker, TOPIC, 4])
        self.bridge = self._process("bridge", [binaries / "bridge-kafka"], {
            **common, "INSTANCE": "bench", "BRIDGE_ADMIN_PORT": 0, "KAFKA_STATUS_TOPICS": "[]", "LOG_STREAM_LEVEL": "info"})
        self.edge = self._process("edge-http", [binaries / "edge-http"], {
            **common, "INSTANCE": "bench", "APP_HOST": "127.0.0.1", "APP_PORT": 0, "HTTP_ADMIN_PORT": 0, "SERVICES_DIR": services,
            "LOG_STREAM_LEVEL": "info", "HTTP_MAX_IN_FLIGHT": 20_000, "HTTP_MAX_CONNECTIONS": 20_000})
        self.echo_port = free_port()
        self.echo = self._process("echo", [binaries / "gateway-bench", "echo", "--port", self.echo_port])
        self.port = 0

    def _process(self, name: str, command: list, env: dict | None = None) -> Process:
        return Process(name, command, self.folder / name, env)

    @property
    def parts(self) -> list[Process]:
        return [self.redis, self.noida, self.service, self.bridge, self.edge]

    @contextlib.contextmanager
    def frozen(self, *processes: Process) -> Iterator[None]:
        """These take no processor meanwhile: with this broker, which answers an empty fetch at once, consumers never rest."""
        try:
            for process in processes:
                os.kill(process.pid, signal.SIGSTOP)
            yield
        finally:
            for process in reversed(processes):
                os.kill(process.pid, signal.SIGCONT)
            wait_until(self.answers, 20, "the chain answers again", pause=0.1)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return request(self.port, "POST", PATH, BODY, {"Content-Type": "application/json"}).status == 200
        return False

    @contextlib.contextmanager
    def running(self) -> Iterator["Chain"]:
        try:
            self.redis.start()
            self.noida.start()
            wait_until(lambda: subprocess.run(["kcat", "-b", self.broker, "-L", "-m", "2"], capture_output=True).returncode == 0, 20, "the broker")
            self.service.start()
            wait_until(lambda: "ready" in self.service.log_text(), 20, "the service")
            self.bridge.start()
            self.bridge.wait_log("reply partition assigned")
            self.bridge.wait_log("listening")
            self.edge.start()
            self.port = int(self.edge.wait_log("listening")["port"])
            self.echo.start()
            yield self
        finally:
            for process in (self.echo, *reversed(self.parts)):
                process.stop()
