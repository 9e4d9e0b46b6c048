"""Certificates made by openssl, and HTTP/2 by hand."""

import socket
import ssl
import subprocess
import time
import warnings
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from .http import Answer


def certificate(folder: Path, name: str, *, issuer: str | None = None, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate for `names`, by itself or by another one of the folder, and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", chain,
               "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
    if issuer:
        command += ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return chain, key


def expired(folder: Path) -> tuple[Path, Path]:
    """A certificate of January 2020, and its key."""
    key, request, chain, settings = (folder / f"expired.{kind}" for kind in ("key", "csr", "pem", "cnf"))
    (folder / "index").touch()
    settings.write_text(
        f"[ca]\ndefault_ca = own\n[own]\ndatabase = {folder}/index\nnew_certs_dir = {folder}\ndefault_md = sha256\nrand_serial = yes\n"
        "policy = names\n[names]\ncommonName = supplied\n")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=expired"],
        check=True, capture_output=True)
    subprocess.run(
        ["openssl", "ca", "-batch", "-selfsign", "-notext", "-config", settings, "-keyfile", key, "-in", request, "-out", chain,
         "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, capture_output=True)
    return chain, key


def connect(port: int, authority: Path, *protocols: str, latest: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(list(protocols))
    if latest:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.maximum_version = latest
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost")


class HTTP2:
    """One HTTP/2 connection whose every frame the test decides on."""

    def __init__(self, port: int, authority: Path):
        self.socket = connect(port, authority, "h2")
        assert self.socket.selected_alpn_protocol() == "h2"
        # What a client should not send is sent all the same.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.answers: dict[int, Answer] = {}
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.goaway: int | None = None
        self.closed = False
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def begin(self, path: str, *headers: tuple[str, str], method: str = "POST", end: bool = False) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [
            (":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *headers], end_stream=end)
        self.flush()
        return stream

    def data(self, stream: int, data: bytes, end: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def receive(self, seconds: float) -> None:
        """Takes what comes within that time, or one read of it."""
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)
            if isinstance(event, h2.events.ResponseReceived):
                headers = dict(event.headers)
                self.answers[stream] = Answer(int(headers[":status"]), headers, b"")
            elif isinstance(event, h2.events.DataReceived):
                self.answers[stream].body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(stream)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[stream] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event.error_code
        self.socket.sendall(self.h2.data_to_send())

    def until(self, check, seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end and not self.closed, (self.answers, self.resets, self.goaway, self.closed)
            self.receive(max(0.01, end - time.monotonic()))

    def answer(self, stream: int, seconds: float = 10) -> Answer:
        self.until(lambda: stream in self.ended, seconds)
        return self.answers[stream]

    def __enter__(self) -> "HTTP2":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()
