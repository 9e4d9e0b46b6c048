"""A broker behind TLS: what a bridge sends is decrypted and passed on to the broker without TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from .tls import certificate


def certificates(folder: Path) -> Path:
    """An authority (ca.pem), its certificate for 127.0.0.1 (server.pem, server.key) and one for clients (client.pem, client.key)."""
    certificate(folder, "ca")
    for name in ("server", "client"):
        certificate(folder, name, issuer="ca")
    return folder


class TLSBroker:
    """`port` speaks TLS; where the broker names its own port in an answer, this one is put in its place."""

    def __init__(self, folder: Path, broker_port: int, *, wants_client: bool):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        if wants_client:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(folder / "ca.pem")
        self.broker_port = broker_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.client_names: set[str] = set()
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client = self.context.wrap_socket(raw, server_side=True)
            subject = (client.getpeercert() or {}).get("subject", ())
            self.client_names |= {value for part in subject for name, value in part if name == "commonName"}
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            self.sockets += [client, broker]
            threading.Thread(target=self._pump, args=(broker, client, True), daemon=True).start()
            self._pump(client, broker, False)

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        own, other = (b"127.0.0.1" + port.to_bytes(4, "big") for port in (self.broker_port, self.port))
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                target.sendall(data.replace(own, other) if is_answer else data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.close()

    def close(self) -> None:
        for end in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                end.close()


@contextlib.contextmanager
def tls_broker(folder: Path, broker_port: int, *, wants_client: bool = False) -> Iterator[TLSBroker]:
    broker = TLSBroker(folder, broker_port, wants_client=wants_client)
    try:
        yield broker
    finally:
        broker.close()
