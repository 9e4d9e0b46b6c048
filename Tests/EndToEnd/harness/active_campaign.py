"""A server that behaves like ActiveCampaign's API, as far as the gateway calls it, and does what a test tells it."""

import json
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .processes import wait_until
from .rest import edge_http
from .stack import Stack, intent

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
SYNC, TAG = "/api/3/contact/sync", "/api/3/contactTags"
JOBS, DELAYED, DEAD = "vy:payments:succeeded", "vy:activecampaign:delayed", "vy:activecampaign:dead"


@dataclass
class Call:
    at: float
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def email(self) -> str | None:
        return json.loads(self.body).get("contact", {}).get("email")


@dataclass
class Planned:
    """What one call is answered instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict | None = None
    delay: float = 0
    # The call is carried out all the same.
    works: bool = False


class ActiveCampaign:
    def __init__(self, certificate: tuple | None = None):
        self.calls: list[Call] = []
        self.contacts: dict[str, dict] = {}
        self.tags: list[tuple[str, str]] = []
        self.planned: list[Planned] = []
        self.released = threading.Event()
        self.hangs = False
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer, headers = outer._answer(self.path, dict(self.headers), body)
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", "Content-Length": len(answer), **headers}.items():
                        self.send_header(name, str(value))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # It has waited long enough.

            do_GET = do_PUT = do_DELETE = do_POST

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, headers: dict, body: bytes) -> tuple[int, bytes, dict]:
        with self._lock:
            self.calls.append(Call(time.monotonic(), path, {name.lower(): value for name, value in headers.items()}, body))
            plan = self.planned.pop(0) if self.planned else None
        if self.hangs:
            self.released.wait(60)
        if plan:
            time.sleep(plan.delay)
            if not plan.works:
                return plan.status, plan.body, plan.headers or {}
        with self._lock:
            return *self._perform(path, self.calls[-1].headers, body), {}

    def _perform(self, path: str, headers: dict, body: bytes) -> tuple[int, bytes]:
        if headers.get("api-token") != KEY:
            return 403, b""
        document = json.loads(body)
        if path == SYNC:
            email = document["contact"]["email"]
            known = email in self.contacts
            contact = self.contacts.setdefault(email, {"id": str(len(self.contacts) + 100)})
            contact.update(document["contact"])
            return 200 if known else 201, json.dumps({"fieldValues": [], "contact": contact}).encode()
        if path == TAG:
            link = document["contactTag"]
            self.tags.append((link["contact"], link["tag"]))
            return 201, json.dumps({"contactTag": {**link, "id": str(len(self.tags))}}).encode()
        return 404, b'{"message":"No Result found"}'

    def of(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def wait(self, path: str, count: int = 1, seconds: float = 12) -> list[Call]:
        wait_until(lambda: len(self.of(path)) >= count, seconds, lambda: f"{count} calls of {path}: {self.calls}")
        return self.of(path)


@contextmanager
def active_campaign(stack: Stack, **options):
    """A new server, of whom Redis knows nothing."""
    stack.redis_cli("del", JOBS, DEAD, DELAYED, *(f"vy:activecampaign:{name}" for name in ("slot", "last", "pause")))
    server = ActiveCampaign(**options)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def telling(stack: Stack, server: ActiveCampaign, name: str = "edge-http-ac", **env):
    """An edge-http that tells this server of contacts, with tag 7."""
    settings = {
        "ACTIVE_CAMPAIGN_NAME": "shop", "ACTIVE_CAMPAIGN_API_KEY": KEY, "ACTIVE_CAMPAIGN_URL": server.url,
        "ACTIVE_CAMPAIGN_TAG_ID": 7, "REST_TIMEOUT": 2000, "LOG_STREAM_LEVEL": "debug", **env,
    }
    with edge_http(stack, name, **settings) as process:
        wait_until(lambda: stack.redis_cli("exists", JOBS) == "1", 10, "the stream")
        yield process


def pay(stack: Stack, process, email: str | None, **more) -> str:
    """A payment that succeeds soon; its intent names this e-mail."""
    body = {**intent(), **({"receipt_email": email} if email else {}), **more}
    created = stack.post("/payment-intents", body, port=process.port)
    assert created.status == 201, created
    confirmed = stack.confirm(created.json()["id"], port=process.port)
    assert confirmed.status == 200, confirmed
    return created.json()["id"]


def all_done(stack: Stack) -> bool:
    """No job is left, in hand or waiting."""
    return stack.redis_cli("xlen", JOBS) == "0" and stack.redis_cli("zcard", DELAYED) == "0"


def wait_done(stack: Stack, seconds: float = 12) -> None:
    wait_until(lambda: all_done(stack), seconds, "an end of all jobs", 0.05)


def dead_letters(stack: Stack) -> list[dict]:
    words = stack.redis_cli("--json", "xrange", DEAD, "-", "+")
    return [dict(zip(fields[::2], fields[1::2])) for _, fields in json.loads(words)]
