"""The processes of the whole chain: redis-server, broker, a light service, the bridge and edge-http, and a bare echo beside them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
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


def machine(load: tuple) -> str:
    """In words, with the load that was there before."""
    return f"load of the machine before: {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}, {os.cpu_count()} cores"


def cpu_seconds(process: Process) -> float:
    """User and system time since its start."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def answers(port: int, path: str = PATH) -> bool:
    with contextlib.suppress(OSError):
        return request(port, "POST", path, BODY, {"Content-Type": "application/json"}).status == 200
    return False


def wrk(port: int, path: str, connections: int, seconds: float, body: int, routes: int = 1) -> dict:
    """Requests as fast as they are answered, to one route or to all that `write_services` has made beside it, in turn."""
    text = subprocess.run(
        ["wrk", "-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds:.0f}s", "--timeout", "30s", "-s", HERE / "post.lua",
         f"http://127.0.0.1:{port}{path}"], env={**os.environ, "BODY_BYTES": str(body), "ROUTES": str(routes)}, capture_output=True, text=True, check=True).stdout
    found = json.loads(text.splitlines()[-1])
    return {"perSecond": found["requests"] / found["seconds"], **found}


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
            wait_until(lambda: answers(self.port), 20, "the chain answers again", pause=0.1)

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


def direct(chain: Chain, in_flight: int, seconds: float, body: int) -> dict:
    """The same round trip by librdkafka alone."""
    return json.loads(subprocess.run(
        [chain.program, "direct", chain.broker, TOPIC, f"bench.replies-{in_flight}-{time.time_ns()}", str(in_flight), str(seconds), str(body)],
        capture_output=True, text=True, check=True).stdout)


class EdgeAlone:
    """edge-http with the bridge's end of its Unix socket in a process that answers each request with its own body, and a bare echo."""

    def __init__(self, folder: Path, binaries: Path, routes: int = 1):
        write_services(folder / "services", routes)
        self.bench, self.path = binaries / "gateway-bench", folder / "bridge.sock"
        self.edge = Process("edge-http", [binaries / "edge-http"], folder / "edge-http", {
            "NODE_ENV": "test", "LOG_STREAM_LEVEL": "info", "INSTANCE": "bench", "ADMIN_HOST": "127.0.0.1", "HTTP_ADMIN_PORT": 0, "APP_HOST": "127.0.0.1",
            "APP_PORT": 0, "BRIDGE_SOCKET": self.path, "SERVICES_DIR": folder / "services", "HTTP_MAX_IN_FLIGHT": 20_000, "HTTP_MAX_CONNECTIONS": 20_000})
        self.echo_port = free_port()
        self.echo = Process("echo", [self.bench, "echo", "--port", str(self.echo_port)], folder / "echo")
        self.port, self.ready_ms = 0, 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator["EdgeAlone"]:
        # It ends with its input.
        bridge = subprocess.Popen([self.bench, "ipc-server", "--kind", "bridge", "--path", self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            bridge.stdout.readline()
            begun = time.monotonic()
            self.edge.start()
            self.port = int(self.edge.wait_log("listening")["port"])
            self.ready_ms = (time.monotonic() - begun) * 1000
            wait_until(lambda: answers(self.port), 20, "edge-http answers")
            self.echo.start()
            wait_until(lambda: answers(self.echo_port, "/"), 20, "the echo answers")
            yield self
        finally:
            self.echo.stop()
            self.edge.stop()
            bridge.stdin.close()
            bridge.wait(10)
