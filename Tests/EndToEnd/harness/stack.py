"""All parts together, on free ports, in a folder of their own."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .http import Answer, request
from .kafka import Kafka
from .processes import Process, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
SERVICE = "/vy-finance-payments"
# A second service: its topics exist only where a test makes them, and its deadlines are short.
TEST_ROUTES = {
    "missing": "{topic: e2e.missing}",
    "appears": "{topic: e2e.appears, timeout: 800}",
    "silent": "{topic: vy-finance-payments.payment-intents.create, timeout: 800}",
    "brief": "{topic: vy-finance-payments.payment-intents.create, timeout: 4000}",
    "cards": "{topic: vy-finance-payments.payment-intents.create, cardData: true}",
    "patient": "{topic: vy-finance-payments.payment-intents.create, timeout: 20000}",
}
TEST_SERVICE = "openapi: 3.1.0\ninfo: {title: e2e, version: '1'}\npaths:\n" + "".join(f"""
  /e2e/{name}:
    post:
      x-kafka: {kafka}
      requestBody: {{content: {{application/json: {{schema: {{type: object}}}}}}}}
      responses: {{'200': {{description: an answer, content: {{application/json: {{schema: true}}}}}}}}
""" for name, kafka in TEST_ROUTES.items())
ORIGIN = "https://shop.example"


def binary(name: str) -> Path:
    folder = os.environ.get("VY_GATEWAY_BIN")
    path = Path(folder or ROOT / ".build/release") / name
    assert path.exists(), f"{path} is not built: ./deploy/dev test --e2e builds it"
    return path


def noida_db() -> str:
    if "NOIDA_DB" in os.environ:
        return os.environ["NOIDA_DB"]
    import noida_db as package

    return str(Path(package.__file__).parent / "noida-db")


class Stack:
    """redis-server, broker, demo service, bridge, one edge-http, `replicas` of edge-ws and nginx, started in this order."""

    def __init__(self, name: str = "stack", *, replicas: int = 2):
        # Not pytest's own temporary folder: a Unix socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix=f"vy-{name}-", dir="/tmp"))
        self.socket = self.folder / "bridge" / "run" / "bridge.sock"
        # Servers that somebody else runs are used, and never stopped: tests that would have to are skipped.
        self.kafka_port = free_port()
        self.kafka = Kafka(os.environ.get("KAFKA_BROKER") or f"127.0.0.1:{self.kafka_port}")
        self.redis_host = os.environ.get("REDIS_HOST") or "127.0.0.1"
        self.redis_port = int(os.environ.get("REDIS_PORT") or 6379) if os.environ.get("REDIS_HOST") else free_port()
        services = self.folder / "services"
        shutil.copytree(ROOT / "deploy/openapi", services)
        (services / "e2e.yaml").write_text(TEST_SERVICE)
        self.common = {
            "NODE_ENV": "local", "LOG_STREAM_LEVEL": "info", "ADMIN_HOST": "127.0.0.1",
            "BRIDGE_SOCKET": self.socket, "KAFKA_BROKER": self.kafka.broker,
            "REDIS_HOST": self.redis_host, "REDIS_PORT": self.redis_port,
            "ALLOWED_ORIGINS": json.dumps([ORIGIN]), "SHUTDOWN_TIMEOUT": 5000,
        }
        self.own_redis = None if os.environ.get("REDIS_HOST") else self._add("redis", self._redis_command())
        self.own_broker = None if os.environ.get("KAFKA_BROKER") else self._add("broker", self._broker_command())
        self.demo = self._add("demo", [binary("demo-payments")], self.common)
        self.bridge = self._add("bridge", [binary("bridge-kafka")], {
            # Stacks may share a broker.
            **self.common, "INSTANCE": f"{name}-bridge-1", "KAFKA_GROUP": f"vy-gateway-{name}", "BRIDGE_ADMIN_PORT": 0,
            # For those edges that cache.
            "CACHE_TTL": 60_000,
        })
        self.http = self._add("edge-http", [binary("edge-http")], {
            **self.common, "INSTANCE": "edge-http-1", "APP_HOST": "127.0.0.1", "APP_PORT": 0, "HTTP_ADMIN_PORT": 0,
            "SERVICES_DIR": services, "DEMO_PAGE": ROOT / "deploy/page/index.html", "KAFKA_REPLY_TIMEOUT": 5000,
        })
        self.ws = [self._add(f"edge-ws-{n}", [binary("edge-ws")], {
            **self.common, "INSTANCE": f"edge-ws-{n}", "WS_HOST": "127.0.0.1", "WS_PORT": 0, "WS_ADMIN_PORT": 0,
            "SERVICES_DIR": services,
        }) for n in range(1, replicas + 1)]
        self.bridges, self.https, self.sockets = [self.bridge], [self.http], [self.socket]
        self.nginx: Process | None = None
        self.port = free_port()
        self.ports: dict[str, int] = {}
        self.admin: dict[str, int] = {}

    def _add(self, name: str, command: list, env: dict | None = None) -> Process:
        return Process(name, command, self.folder / name, env)

    def _redis_command(self) -> list:
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", self.folder / "redis", "--save", "", "--appendonly", "no"]

    def _broker_command(self) -> list:
        return [noida_db(), "start", "--only", "kafka", "--host", "127.0.0.1", "--kafka-port", self.kafka_port, "--data-dir", self.folder / "broker/data"]

    @property
    def redis(self) -> Process:
        return self.own_redis or pytest.skip("needs a redis-server of its own")

    @property
    def broker(self) -> Process:
        return self.own_broker or pytest.skip("needs a broker of its own")

    @property
    def processes(self) -> list[Process]:
        return [p for p in (self.own_redis, self.own_broker, self.demo, *self.own, self.nginx) if p]

    @property
    def own(self) -> list[Process]:
        """The gateway's processes."""
        return [*self.bridges, *self.https, *self.ws]

    def named(self, name: str) -> Process:
        servers = {"redis": self.own_redis, "broker": self.own_broker}
        if name in servers and servers[name] is None:
            pytest.skip(f"needs a {name} of its own")
        return next(p for p in self.processes if p.name == name)

    def start(self) -> "Stack":
        self._make_folders()
        for process in self.processes:
            process.start()
            self.wait_started(process)
        self.nginx = self._add("nginx", self._nginx_command())
        self.nginx.start()
        self.wait_started(self.nginx)
        for process in self.own:
            self.wait_ready(process)
        return self

    def _make_folders(self) -> None:
        for socket_path in self.sockets:
            socket_path.parent.mkdir(parents=True, mode=0o750)
        (self.folder / "broker/data").mkdir(parents=True, exist_ok=True)

    def wait_started(self, process: Process, seconds: float = 20) -> None:
        """Until it can be talked to; its ports are kept, so that a restart has the same."""
        if process is self.own_redis:
            wait_until(lambda: self._redis_answers(), seconds, "redis-server")
        elif process is self.own_broker:
            wait_until(lambda: self.kafka.answers(), seconds, "broker")
        elif process is self.demo:
            process.wait_log("ready", seconds)
        elif process is self.nginx:
            wait_until(lambda: answers(self.port), seconds, "nginx")
        else:
            listening = process.wait_log("listening", seconds)
            admin = int(process.wait_log("admin listening", seconds)["port"])
            self.admin[process.name] = admin
            is_http = process.name.startswith("edge-http")
            is_bridge = process.name.startswith("bridge")
            setting = "BRIDGE_ADMIN_PORT" if is_bridge else "HTTP_ADMIN_PORT" if is_http else "WS_ADMIN_PORT"
            process.env[setting] = admin
            if not is_bridge:
                self.ports[process.name] = int(listening["port"])
                process.env["APP_PORT" if is_http else "WS_PORT"] = listening["port"]

    def readiness(self, process: Process) -> tuple[bool, list[str]]:
        """Ready or not, and what is missing."""
        try:
            answer = request(self.admin[process.name], "GET", "/readyz", timeout=3)
        except OSError as error:
            return False, [f"admin port: {error}"]
        document = answer.json()
        assert (answer.status == 200) == document["ready"] == (document["missing"] == []), answer
        return document["ready"], document["missing"]

    def wait_ready(self, process: Process, seconds: float = 20) -> None:
        wait_until(
            lambda: self.readiness(process)[0], seconds,
            lambda: f"{process.name} is not ready: {self.readiness(process)[1]}\n{process.tail()}")

    def wait_all_ready(self, seconds: float = 20) -> None:
        for process in self.own:
            self.wait_ready(process, seconds)

    def kill(self, process: Process) -> None:
        """`kill -9`. This broker saves its data about once a second, so it gets the time that a real one would not need."""
        if process is self.own_broker:
            time.sleep(1.5)
        process.kill()

    def replica(self, name: str = "edge-ws-other", **settings):
        """One more edge-ws, with other settings; while it runs its port is in `ports` under its name."""
        return self._beside(self.ws[0], name, {"WS_PORT": 0, "WS_ADMIN_PORT": 0, **settings})

    def http_replica(self, name: str = "edge-http-2", **settings):
        """One more edge-http, in the same way."""
        return self._beside(self.http, name, {"APP_PORT": 0, "HTTP_ADMIN_PORT": 0, **settings})

    @contextlib.contextmanager
    def _beside(self, other: Process, name: str, settings: dict) -> Iterator[Process]:
        process = Process(name, other.command, self.folder / name, {**other.env, "INSTANCE": name, **settings})
        try:
            process.start()
            self.wait_started(process)
            self.wait_ready(process)
            process.wait_log("redis connected")
            yield process
        finally:
            process.stop()
            self.ports.pop(name, None)
            self.admin.pop(name, None)

    def repair(self) -> None:
        """Starts what does not run and waits until all is well again."""
        for process in self.processes:
            if not process.running:
                process.start()
                self.wait_started(process)
        self.wait_all_ready()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def running(self) -> Iterator["Stack"]:
        """Started, and stopped at the end; what its processes said last is printed when something fails."""
        try:
            yield self.start()
        except BaseException:
            print(self.tails())
            raise
        finally:
            self.stop()

    def tails(self) -> str:
        return "\n".join(p.tail(15) for p in self.processes)

    # Calls

    def post(self, path: str, body=None, *, port: int | None = None, headers: dict | None = None, timeout: float = 15) -> Answer:
        """POSTs JSON to an operation of the payments service, or to a whole path, through nginx."""
        path = path if path.startswith(("/e2e", SERVICE)) else SERVICE + path
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        return request(port or self.port, "POST", path, data, {"Content-Type": "application/json", **(headers or {})}, timeout)

    def get(self, path: str, *, port: int | None = None, headers: dict | None = None, timeout: float = 15) -> Answer:
        """GETs a whole path, through nginx."""
        return request(port or self.port, "GET", path, None, headers, timeout)

    def create(self, user: str = "123", *, demo: dict | None = None, **extra) -> Answer:
        return self.post("/payment-intents", intent(user, demo), **extra)

    def confirm(self, intent_id: str, *, demo: dict | None = None, **extra) -> Answer:
        body = {"id": intent_id}
        if demo:
            body["metadata"] = {"demo": demo}
        return self.post("/payment-intents/confirm", body, **extra)

    def redis_cli(self, *words: str) -> str:
        return subprocess.run(
            ["redis-cli", "-h", self.redis_host, "-p", str(self.redis_port), *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    def _redis_answers(self) -> bool:
        try:
            return self.redis_cli("ping") == "PONG"
        except subprocess.CalledProcessError:
            return False

    def _nginx_command(self) -> list:
        folder = self.folder / "nginx"
        folder.mkdir(exist_ok=True)
        limits = "max_fails=1 fail_timeout=1s"
        values = {
            "RUN": folder, "ROOT": ROOT, "HOST": "127.0.0.1", "PORT": self.port, "ACCESS_LOG": folder / "access.log",
            "EDGE_HTTP_SERVERS": "".join(f"server 127.0.0.1:{self.ports[p.name]} {limits};" for p in self.https),
            "EDGE_WS_SERVERS": "".join(f"server 127.0.0.1:{self.ports[p.name]} {limits};" for p in self.ws),
        }
        text = (ROOT / "deploy/nginx.conf.template").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (folder / "nginx.conf").write_text(text)
        root = ["-g", "user root;"] if os.geteuid() == 0 else []
        return [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-p", folder, "-c", folder / "nginx.conf", *root]


def intent(user: str = "123", demo: dict | None = None, amount: int = 1999) -> dict:
    """The body that creates a payment intent; `demo` steers the demo service."""
    body = {"amount": amount, "currency": "usd", "userId": user}
    if demo:
        body["metadata"] = {"demo": demo}
    return body


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
