"""A network between a process and its server that holds back what was sent, and delivers it later."""

import socket
import threading
from contextlib import contextmanager


class Network:
    def __init__(self, host: str, port: int):
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._gate = self._open_gate()
        self._held: list[threading.Event] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _open_gate() -> threading.Event:
        gate = threading.Event()
        gate.set()
        return gate

    def hold(self) -> None:
        """From now on nothing reaches the server by the connections that exist, even when the client closes them."""
        self._gate.clear()
        self._held.append(self._gate)
        self._gate = self._open_gate()

    def deliver(self) -> None:
        for gate in self._held:
            gate.set()

    def close(self) -> None:
        self.deliver()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._server)
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client, server, self._gate), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, self._open_gate()), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
        try:
            while data := source.recv(65536):
                gate.wait()
                target.sendall(data)
            gate.wait()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@contextmanager
def network(host: str, port: int):
    made = Network(host, port)
    try:
        yield made
    finally:
        made.close()
