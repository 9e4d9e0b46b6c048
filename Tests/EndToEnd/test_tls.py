"""edge-http with a certificate: TLS, HTTP/2 beside HTTP/1.1, and the certificate's reload."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest
from harness.clock import running
from harness.http import Answer, assert_problem
from harness.slow import post
from harness.stack import ORIGIN, SERVICE, binary, intent
from harness.tls import HTTP2, certificate, connect, expired

PATH = SERVICE + "/payment-intents"
HEADER, BODY, IDLE = 0.8, 1.5, 1.5
JSON = ("content-type", "application/json")


class Edge:
    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.authority, self.key = certificate(folder, "root")
        leaf, self.key = certificate(folder, "leaf", issuer="root")
        self.chain = folder / "chain.pem"
        self.chain.write_text(leaf.read_text() + self.authority.read_text())
        self.port = 0
        self.process = None

    def curl(self, *arguments: str, version: str = "--http2", path: str = PATH) -> Answer:
        run = subprocess.run(
            ["curl", "-sS", version, "--cacert", str(self.authority), "-m", "10", "-D", "-", *arguments, f"https://localhost:{self.port}{path}"],
            capture_output=True, timeout=15, check=True)
        head, _, body = run.stdout.partition(b"\r\n\r\n")
        while b" 100 " in head.split(b"\r\n")[0] + b" ":
            head, _, body = body.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith("HTTP/2 " if version == "--http2" else "HTTP/1.1 "), first
        return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}, body)

    def create(self, version: str = "--http2", *more: str) -> Answer:
        return self.curl("-H", "Content-Type: application/json", "-d", json.dumps(intent()), *more, version=version)


@pytest.fixture(scope="module")
def edge(whole_stack, tmp_path_factory):
    whole_stack.repair()
    edge = Edge(whole_stack, tmp_path_factory.mktemp("tls"))
    settings = {"HTTP_HEADER_TIMEOUT": HEADER, "HTTP_BODY_TIMEOUT": BODY, "HTTP_IDLE_TIMEOUT": IDLE}
    with whole_stack.http_replica(
        "edge-http-tls", HTTP_TLS_CERT=edge.chain, HTTP_TLS_KEY=edge.key, **{name: int(s * 1000) for name, s in settings.items()},
    ) as edge.process:
        edge.port = whole_stack.ports["edge-http-tls"]
        yield edge


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_payment_by_tls(edge, version):
    answer = edge.create(version, "-H", f"Origin: {ORIGIN}")
    assert answer.status == 201 and answer.json()["amount"] == 1999
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_refusals_by_tls(edge, tmp_path, version):
    assert_problem(edge.curl(path="/nothing", version=version), 404, "not_sent", instance="/nothing")
    preflight = edge.curl("-X", "OPTIONS", "-H", f"Origin: {ORIGIN}", "-H", "Access-Control-Request-Method: POST", version=version)
    assert preflight.status == 204 and "POST" in preflight.headers["access-control-allow-methods"]
    large = tmp_path / "large"
    large.write_bytes(b'{"a":"' + b"x" * 3_000_000 + b'"}')
    answer = edge.curl("-H", "Content-Type: application/json", "--data-binary", f"@{large}", version=version)
    assert_problem(answer, 413, "not_sent", instance=PATH)
    assert ("connection" in answer.headers) == (version == "--http1.1")


def test_only_tls_from_1_2_on(edge):
    for version, welcome in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        try:
            with connect(edge.port, edge.authority, "http/1.1", latest=version) as client:
                assert welcome and client.selected_alpn_protocol() == "http/1.1"
                client.sendall(post(PATH, intent()))
                assert client.recv(1000).startswith(b"HTTP/1.1 201")
        except (ssl.SSLError, ConnectionResetError):
            assert not welcome, version


def test_http1_by_tls_without_alpn(edge):
    with connect(edge.port, edge.authority) as client:
        assert client.selected_alpn_protocol() is None
        client.sendall(post(PATH, intent()))
        assert client.recv(1000).startswith(b"HTTP/1.1 201")


def test_a_handshake_that_does_not_go_on_is_closed(edge):
    with socket.create_connection(("127.0.0.1", edge.port), 10) as client:
        begun = time.monotonic()
        client.sendall(b"\x16\x03\x01")
        assert client.recv(100) == b""
        assert HEADER * 0.9 < time.monotonic() - begun and running(begun) < HEADER + 0.5


def test_a_slow_header_by_tls_is_408(edge):
    with connect(edge.port, edge.authority, "http/1.1") as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost")
        data = b""
        while part := client.recv(10_000):
            data += part
        assert data.startswith(b"HTTP/1.1 408") and b"request-timeout" in data


def test_many_streams_at_once(edge):
    body = json.dumps(intent(demo={"delayMs": 200})).encode()
    with HTTP2(edge.port, edge.authority) as client:
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams == 100)
        begun = time.monotonic()
        streams = [client.begin(PATH, JSON, ("x-request-id", f"stream-{n}")) for n in range(100)]
        for stream in streams:
            client.data(stream, body, end=True)
        answers = [client.answer(stream) for stream in streams]
        assert running(begun) < 10, "they are worked on together"
    assert {answer.status for answer in answers} == {201}
    assert [answer.headers["x-request-id"] for answer in answers] == [f"stream-{n}" for n in range(100)]
    assert len({answer.json()["id"] for answer in answers}) == 100


def test_a_slow_body_ends_its_stream_and_no_other(edge):
    body = json.dumps(intent(demo={"delayMs": 2500})).encode()
    with HTTP2(edge.port, edge.authority) as client:
        slow = client.begin(PATH, JSON)
        client.data(slow, b'{"amount":')
        patient = client.begin("/e2e/brief", JSON)
        client.data(patient, body, end=True)
        begun = time.monotonic()
        assert_problem(client.answer(slow), 408, "not_sent", instance=PATH)
        assert running(begun) < BODY + 0.5
        assert client.answer(patient).status == 200, "a request that is worked on has all its time"
        client.until(lambda: slow in client.resets, 4)


def test_an_idle_connection_is_told_to_go(edge):
    with HTTP2(edge.port, edge.authority) as client:
        stream = client.begin("/nothing", method="GET", end=True)
        assert client.answer(stream).status == 404
        begun = time.monotonic()
        client.until(lambda: client.goaway is not None)
        assert IDLE * 0.9 < time.monotonic() - begun and running(begun) < IDLE + 1
        assert client.goaway == 0


def test_rapid_reset_ends_the_connection(edge):
    with HTTP2(edge.port, edge.authority) as client:
        try:
            for _ in range(300):
                stream = client.begin(PATH, JSON)
                client.h2.reset_stream(stream)
                client.flush()
            client.until(lambda: client.goaway is not None)
            assert client.goaway == 11, "ENHANCE_YOUR_CALM"
        except OSError:
            pass  # It had ended before all were sent.
    assert edge.create().status == 201


def test_a_header_that_is_too_large_is_refused(edge):
    with HTTP2(edge.port, edge.authority) as client:
        client.until(lambda: client.h2.remote_settings.max_header_list_size == 32_768)
        client.begin("/nothing", *[(f"x-{n}", "x" * 4000) for n in range(10)], method="GET", end=True)
        try:
            client.until(lambda: client.goaway is not None or client.resets)
        except AssertionError:
            assert client.closed
        assert not client.answers
    assert edge.create().status == 201


def test_sighup_takes_a_new_certificate_and_refuses_a_bad_one(edge):
    def serial() -> str:
        with connect(edge.port, edge.authority) as client:
            return client.getpeercert()["serialNumber"]

    old = serial()
    with HTTP2(edge.port, edge.authority) as client:
        files = edge.chain.read_text(), edge.key.read_text()
        edge.chain.write_text("nonsense")
        os.kill(edge.process.pid, signal.SIGHUP)
        edge.process.wait_log("the certificate is wrong; the old one stays")
        assert serial() == old
        leaf, key = certificate(edge.folder, "leaf", issuer="root")
        edge.chain.write_text(leaf.read_text() + edge.authority.read_text())
        os.kill(edge.process.pid, signal.SIGHUP)
        edge.process.wait_log("certificate reloaded")
        assert serial() != old and edge.create().status == 201
        stream = client.begin("/nothing", method="GET", end=True)
        assert client.answer(stream).status == 404, "connections that are there stay"
    assert edge.chain.read_text() != files[0]


WRONG = {
    "one of them": ("", "HTTP_TLS_CERT and HTTP_TLS_KEY: set both or neither"),
    "no file": ("missing", "cannot read"),
    "no PEM": ("nonsense", "holds no certificate in PEM"),
    "another's key": ("other", "does not belong to the certificate"),
    "no key": ("keyless", "holds no private key in PEM that is not encrypted"),
    "expired": ("expired", "has expired"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused_at_the_start(tmp_path, case):
    kind, words = WRONG[case]
    chain, key = certificate(tmp_path, "right")
    if kind == "":
        key = ""
    elif kind == "missing":
        chain = tmp_path / "missing.pem"
    elif kind == "nonsense":
        chain.write_text("nonsense")
    elif kind == "other":
        key = certificate(tmp_path, "other")[1]
    elif kind == "keyless":
        key.write_text(chain.read_text())
    elif kind == "expired":
        chain, key = expired(tmp_path)
    env = {"PATH": os.environ["PATH"], "HTTP_TLS_CERT": str(chain), "HTTP_TLS_KEY": str(key)}
    run = subprocess.run([binary("edge-http"), "--check-config"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=10)
    assert run.returncode == 64 and words in run.stderr, run.stderr
